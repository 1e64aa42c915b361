#!/bin/sh
# Chassis control for OpenIPMI's ipmi_sim: keeps the power state of one simulated server in a file, and a line of every
# change in another. ipmi_sim calls it as: ipmi_sim_chassis.sh STATE_DIR get|set|check WORD [VALUE] ...
dir=$1
op=$2
shift 2
state=$dir/power
note() { echo "$(date +%s.%N) $1" >> "$dir/power.log"; }
case $op in
get)
    for word in "$@"; do
        case $word in
        power) echo "power:$(cat "$state")" ;;
        boot) echo "boot:none" ;;
        *) echo "unknown word $word"; exit 1 ;;
        esac
    done ;;
set)
    while [ $# -gt 1 ]; do
        case $1 in
        power) echo "$2" > "$state"; note "power $2" ;;
        reset) [ "$(cat "$state")" = 1 ] || { echo "the server is off"; exit 1; }; note "reset" ;;
        shutdown) echo 0 > "$state"; note "shutdown" ;;
        *) : ;;
        esac
        shift 2
    done ;;
check)
    case $1 in power|reset) exit 0 ;; *) echo "not supported: $1"; exit 1 ;; esac ;;
*) echo "unknown operation $op"; exit 1 ;;
esac
