"""The ledger: what the manual and the reset path's design require, in short words, and the least evidence of each.

Tests say themselves what they show, with `@pytest.mark.shows("C8", "R3")`; any number may show a requirement. `least` names
those without which it counts as not shown, as `path below tests::name`. tests/test_requirements.py holds the two against each
other, and docs/requirements.md is written from both (`make requirements`).

Ids: M the job, L the installed files in the manual's order, C haconnsetup, HCME the syslog messages, O operation, R the six
promises of the reset path. A (+) marks what is ours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row."""

    id: str
    words: str
    least: tuple[str, ...]


COUNTS = {"M": 6, "I": 5, "L": 11, "C": 12, "O": 6, "R": 6}
"""How many the manual (and, R, the design of the reset path) numbers of each kind."""
IDS = frozenset(
    [f"{kind}{number}" for kind, count in COUNTS.items() for number in range(1, count + 1)]
    + ["HCME1010", "HCME1011", "HCME1012", "HCME1013", "HCME1020"]
    + ["L1+", "L12+"]
)
"""Every id there is. With a + behind it: what our layout has beside the manual's table of files."""

PACKAGING_REASON = "packages, start scripts and units are not part of this version"
PACKAGING = (
    ("I1", "RPM haconnr2: install, upgrade, reinstall, remove, show the version"),
    ("I2", "Upgrade and reinstall keep the configuration, removal keeps its files"),
    ("I3", "Root only; refused over a running connector, and over a newer version"),
    ("I4", "Start order: after ipmi, before HA Monitor; stop order the reverse"),
    ("I5", "service, chkconfig and systemctl start, stop, restart and enable haconnd"),
    ("L1", "/opt/hitachi/haconn2/bin/haconnr2"),
    ("L2", "/opt/hitachi/haconn2/bin/haconnsetup"),
    ("L5", "/opt/hitachi/haconn2/lib"),
    ("L6", "haconnd, the SysV script"),
    ("L7", "haconnd.service, the unit"),
)
"""What this version does not have, for `PACKAGING_REASON`."""

_SETUP = "haconn_cli/verbs/test_"
_MANUAL = "haconn_cli/test_manual_example.py::test_"
_RUNNING = "whole/test_manual_samples.py::test_"
_CLUSTERS = "whole/test_manual_clusters.py::test_"
_WIRED = "whole/test_namespaces.py::test_"
_SERVICE = "haconn_daemon/test_service.py::test_"
_PLAN, _ACTUATOR, _DESK, _ARBITRATION = (
    f"haconn_daemon/fence/test_{room}.py::test_" for room in ("plan", "actuator", "desk", "arbitration")
)
_WATCHER = "haconn_daemon/monitor/test_watcher.py::test_"
_RESPONDER, _REPLAYS, _NETWORK, _ENDPOINT = (
    f"haconn_daemon/resetpath/test_{room}.py::test_" for room in ("responder", "replays", "terrible_network", "endpoint")
)
_REQUESTER, _SEAL = (f"haconn_cli/resetpath/test_{room}.py::test_" for room in ("requester", "seal"))
_MAIN, _JOURNAL = "haconn_daemon/test_main.py::test_", "haconn_daemon/logs/test_journal.py::test_"
_DEMO, _STOPPING = "whole/test_demo.py::test_", "whole/test_stopping.py::test_"

def _row(name: str, words: str, *least: str) -> Requirement:
    return Requirement(name, words, least)


LEDGER = (
    _row("M1", "A failed server is certain to be dead, reset through its BMC, before its services may move",
        _DEMO + "the_reset_was_proven_while_power_was_really_off",
        "whole/test_real_bmcs.py::test_reset_really_switches_and_ipmitool_sees_it"),
    _row("M2", "A connector on every server, on one segment with all BMCs; any connector reaches any BMC",
        _WIRED + "a_server_that_is_cut_off_hurts_nobody_and_is_reset_by_the_others"),
    _row("M3", "It watches each BMC's power and readiness, answers path checks, tells of power-off, resets on request",
        _SERVICE + "from_the_request_to_the_proof", _SERVICE + "a_server_loses_power_by_itself", _WATCHER + "all_is_well",
        _WATCHER + "power_loss_is_told_within_two_polls", _DEMO + "the_power_loss_was_told_only_after_it_happened"),
    _row("M4", "It never dies silently, never hangs, and comes back by itself",
        "haconn_daemon/test_process.py::test_as_systemd_starts_and_stops_it",
        "haconn_daemon/test_upkeep.py::test_a_watcher_that_stands_still_lets_it_go_hungry",
        "haconn_daemon/test_upkeep.py::test_a_loop_that_is_blocked_feeds_nothing",
        _STOPPING + "a_log_that_takes_nothing_delays_nothing", _NETWORK + "a_path_check_survives_a_restart_of_the_connector",
        "tools/test_ha_monitor.py::test_a_miss_stops_the_checks_until_monrp"),
    _row("M5", "2 to 4 physical servers, or 2 with up to 4 guests each; (+) more with a warning",
        _SETUP + "pserver.py::test_the_count_of_servers", _CLUSTERS + "four_physical_servers",
        _CLUSTERS + "two_servers_with_four_guests_each"),
    _row("M6", "(+) An IPMI stack of its own: no ipmitool, and nothing else to run", _RUNNING + "the_samples_of_the_manual"),
    _row("L1+", "(+) The daemon is the program haconn-daemon", _MAIN + "version", _MAIN + "a_wrong_argument"),
    _row("L3", "conf_haconn: reset path and service; (+) TOML", _MANUAL + "the_files"),
    _row("L4", "conf_pserver: the managed servers; (+) TOML", _MANUAL + "the_files", _MANUAL + "the_server_file_may_be_copied"),
    _row("L8", "eventlog*: irregular events, in generations", _JOURNAL + "each_event_has_its_log", _JOURNAL + "generations"),
    _row("L9", "eventlogalt*: each poll; (+) path checks are counted there, not told one by one",
        _JOURNAL + "each_event_has_its_log", _RUNNING + "the_samples_of_the_manual",
        _SERVICE + "what_has_no_effect_is_counted_in_the_log"),
    _row("L10", "eventlogcui*: what was done with haconnsetup",
        "haconn_cli/test_oplog.py::test_one_line_a_command", "haconn_cli/test_oplog.py::test_generations"),
    _row("L11", "initlog*: the start of the connector", _MAIN + "no_configuration", _RUNNING + "the_samples_of_the_manual"),
    _row("L12+", "(+) One environment variable moves all of it under another root", _RUNNING + "the_samples_of_the_manual"),
    _row("C1", "resetpath addr=IP/MASK port=PORT sets the reset path; mask in both forms, port 5001 to 65535",
        _SETUP + "resetpath.py::test_set_and_change", _SETUP + "resetpath.py::test_wrong_words"),
    _row("C2", "resetpath changes either or both; what is left out stays", _SETUP + "resetpath.py::test_set_and_change"),
    _row("C3", "pserver add NAME addr= [account=]: 1 to 31 letters and digits; asks for a password, unseen, only with account=",
        _MANUAL + "pserver_add_asks_for_a_password_only_with_an_account", _SETUP + "pserver.py::test_add_with_an_account",
        _SETUP + "pserver.py::test_wrong_words_are_one_line_and_no_prompt",
        "haconn_cli/test_screen.py::test_a_terminal_does_not_echo"),
    _row("C4", "pserver del NAME", _SETUP + "pserver.py::test_del"),
    _row("C5", "pserver mod NAME [name=] [addr=] [account=]; what is left out stays",
        _SETUP + "pserver.py::test_mod", _SETUP + "pserver.py::test_wrong_passwords"),
    _row("C6", "Every server is set up on every server, the own one too; conf_pserver may be copied",
        _MANUAL + "the_server_file_may_be_copied", _CLUSTERS + "four_physical_servers"),
    _row("C7", "show setting prints the manual's sample", _MANUAL + "show_setting", _RUNNING + "the_samples_of_the_manual"),
    _row("C8", "show status prints the manual's sample, with each link and status",
        _MANUAL + "show_status", _RUNNING + "the_samples_of_the_manual",
        _SETUP + "show.py::test_status_of_longer_names_and_why_a_link_is_ng",
        "whole/test_real_bmcs.py::test_a_hanging_bmc_is_ng_and_never_off_and_comes_back"),
    _row("C9", "Without a connector, show status prints only 'HA connector service is not processing.'",
        _MANUAL + "show_status_without_the_daemon", _RUNNING + "the_samples_of_the_manual"),
    _row("C10", "show version; show prints setting, status and version one after the other",
        _MANUAL + "show_version", _MANUAL + "show", _RUNNING + "the_samples_of_the_manual"),
    _row("C11", "dump collects what support needs, also where files are missing; (+) without a secret",
        _RUNNING + "the_samples_of_the_manual"),
    _row("C12", "All is well when the own server says (own server) and the others monitoring",
        _WIRED + "a_server_that_is_cut_off_hurts_nobody_and_is_reset_by_the_others", _CLUSTERS + "four_physical_servers",
        _SERVICE + "a_new_life_knows_where_it_stands"),
    _row("HCME1010", "No ipmitool: (+) cannot occur, the id stays reserved",
        _MANUAL + "the_message_about_ipmitool_is_never_sent"),
    _row("HCME1011", "Cannot be started: failed to initialize",
        _MAIN + "the_port_is_taken", _RUNNING + "a_start_that_fails_tells_syslog"),
    _row("HCME1012", "Cannot be started: check the configuration",
        _MAIN + "no_configuration", _RUNNING + "a_start_that_fails_tells_syslog"),
    _row("HCME1013", "Cannot be started: reinstall",
        _MAIN + "a_broken_installation", _RUNNING + "a_start_that_fails_tells_syslog"),
    _row("HCME1020", "A configuration file of a newer version, with both numbers",
        _MAIN + "a_file_of_a_newer_version", _RUNNING + "a_start_that_fails_tells_syslog", _JOURNAL + "the_manuals_messages"),
    _row("O1", "Settings change in order: stop, change, start; (+) or while it runs, at SIGHUP",
        _CLUSTERS + "stopped_changed_and_started_again",
        "haconn_daemon/test_reloading.py::test_a_server_is_added_and_another_removed"),
    _row("O2", "A BMC that is updated falls silent and restarts; the connector picks it up again by itself",
        _WATCHER + "the_bmc_restarts", _WATCHER + "silence_is_ng_and_never_off_and_it_comes_back_by_itself"),
    _row("O3", "Old and new connectors do not mix: (+) another protocol version is told so and logged, never misread",
        _RESPONDER + "another_version_is_told_once_a_datagram_and_reported_once",
        _RESPONDER + "a_requester_is_told_that_the_connector_speaks_another_version"),
    _row("O4", "Two UDP ports are enough for a firewall: the reset path's and 623",
        _WIRED + "everything_leaves_by_the_reset_path"),
    _row("O5", "Broadcasts leave by the reset path's interface, (+) also where another one is in the same segment, which is told",
        _WIRED + "everything_leaves_by_the_reset_path",
        "haconn_daemon/resetpath/test_interfaces.py::test_an_address_on_no_interface_is_told",
        "haconn_daemon/resetpath/test_interfaces.py::test_a_segment_on_two_interfaces_is_told"),
    _row("O6", "The clusters of chapter 5: 4 physical servers; 2 with 4 guests each",
        _CLUSTERS + "four_physical_servers", _CLUSTERS + "two_servers_with_four_guests_each"),
    _row("R1", "No false success: seen off by authenticated answers, after the request; silence is never off",
        _PLAN + "one_reading_of_off_proves_nothing", _PLAN + "unreachable_after_the_off_command_is_never_success",
        _ACTUATOR + "silent_after_the_off_command", _ACTUATOR + "acknowledges_and_does_nothing",
        _DESK + "who_comes_after_the_proof_gets_one_of_its_own",
        _REQUESTER + "only_a_known_success_code_in_a_result_is_success", _REQUESTER + "no_code_in_a_refusal_is_success",
        _DEMO + "the_reset_was_proven_while_power_was_really_off",
        _WIRED + "a_server_that_is_cut_off_hurts_nobody_and_is_reset_by_the_others"),
    _row("R2", "Only holders of the key are heard, and nothing captured can be used again",
        _SEAL + "every_single_flipped_bit_is_rejected", _SEAL + "it_cannot_be_turned_round",
        _REPLAYS + "the_connector_that_heard_it_does_nothing_again", _REPLAYS + "the_connector_after_a_restart_does_nothing",
        _REPLAYS + "another_connector_is_silent", _REPLAYS + "another_cluster_is_silent",
        _REPLAYS + "any_bytes_are_met_with_silence", _DEMO + "nobody_else_was_touched"),
    _row("R3", "One final answer within the budget and a second, always the same; after a crash INTERRUPTED, and nothing resumed",
        _RESPONDER + "a_repeated_request_is_asked_once_and_answered_the_same",
        _NETWORK + "exactly_one_final_answer_in_any_weather", _NETWORK + "silence_is_a_failure_one_second_after_the_budget",
        _NETWORK + "a_connector_that_restarts_answers_what_its_record_says_and_begins_nothing",
        _SERVICE + "who_joins_with_less_time_is_answered_in_it",
        "haconn_daemon/fence/test_record.py::test_a_crash_at_every_third_byte", _STOPPING + "killed_in_the_middle"),
    _row("R4", "One power operation per target at a time; who asks meanwhile joins and shares the result",
        _DESK + "the_same_again_joins", _DESK + "two_at_the_same_moment", _DESK + "another_action_meanwhile",
        _RESPONDER + "who_joins_shares_the_result_also_when_it_is_there_already",
        _CLUSTERS + "two_servers_with_four_guests_each"),
    _row("R5", "Two servers that shoot at each other do not both die",
        _ARBITRATION + "of_two_exactly_one_gives_way", _ARBITRATION + "any_skew_and_nothing_lost",
        _ARBITRATION + "loss_of_announcements", _WIRED + "of_two_servers_that_shoot_at_each_other_one_lives"),
    _row("R6", "A path check is answered at once from what is known; it never waits for a BMC",
        _ENDPOINT + "path_checks_are_answered_while_nobody_takes_the_arrivals",
        _STOPPING + "a_log_that_takes_nothing_delays_nothing", _CLUSTERS + "path_checks_do_not_wait_for_bmcs"),
)   # fmt: skip
