"""What people and programs beside the cluster are told: log files, syslog, systemd's journal, the hook."""
