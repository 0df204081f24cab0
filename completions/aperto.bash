# bash completion for aperto, made by `aperto completion bash`
_aperto() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        serve | send | demo | cert | bench | watch | journal | lab | extcap) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $command:$before in
    *:--lang) words='en pt_BR' ;;
    serve:--host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word"); return ;;
    serve:--framing) words='stream line length raw' ;;
    serve:--engine) words='auto uring epoll' ;;
    serve:--messages) words='auto some all none' ;;
    serve:--log) words='text json' ;;
    serve:--log-level) words='error warning notice info debug' ;;
    serve:--sandbox) words='on required off' ;;
    serve:--durability) words='process power' ;;
    serve:--port | serve:-p | serve:--listen | serve:--fd | serve:--workers | serve:--trace-messages | serve:--log-file | serve:--user | serve:--admin | serve:--handover | serve:--config | serve:--check | serve:--socket-mode | serve:--socket-group | serve:--cert | serve:--key | serve:--client-ca | serve:--journal | serve:--journal-size | serve:--journal-age | serve:--max-connections | serve:--max-connections-per-address | serve:--accept-rate | serve:--exempt | serve:--proxy-from | serve:--allow | serve:--deny | serve:--backlog | serve:--max-message | serve:--high-water | serve:--memory-budget | serve:--handshake-deadline | serve:--idle-timeout | serve:--message-deadline | serve:--write-deadline | serve:--keepalive | serve:--user-timeout | serve:--drain-delay | serve:--drain-grace | serve:--drain-spread | serve:--drain-deadline) return ;;
    send:--host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word"); return ;;
    send:--framing) words='stream line length raw' ;;
    send:--engine) words='auto uring epoll' ;;
    send:--port | send:-p | send:--timeout | send:--quiet-time | send:--retry | send:--ca | send:--cert | send:--key) return ;;
    cert:--dir | cert:--days) return ;;
    bench:--host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word"); return ;;
    bench:--framing) words='stream line length' ;;
    bench:--expect) words='upper echo none' ;;
    bench:--port | bench:-p | bench:--connections | bench:--idle | bench:--rate | bench:--size | bench:--pipeline | bench:--send | bench:--expect-text | bench:--expect-bytes | bench:--duration | bench:--warm-up | bench:--patience | bench:--requests | bench:--server-pid | bench:--histogram) return ;;
    watch:--sort) words='peer local state age messages in out in-rate out-rate rtt rto cwnd flight unread resent window-full idle blame' ;;
    watch:--refresh | watch:--filter) return ;;
    journal:--peer | journal:--since | journal:--until | journal:--contains | journal:--last) return ;;
    lab:--show) words='auto brief all none' ;;
    lab:--pcap-view) words='sent client server' ;;
    lab:--seed | lab:--timeout | lab:--json | lab:--pcap | lab:--html | lab:--decisions | lab:--save-decisions | lab:--wall-limit | lab:--keep | lab:--until | lab:--samples | lab:--server | lab:--client | lab:--ready | lab:--host-mtu | lab:--rto-min | lab:--setting | lab:--drop | lab:--mark | lab:--hold | lab:--loss | lab:--burst-enter | lab:--burst-leave | lab:--burst-bad-loss | lab:--burst-good-loss | lab:--loss-list | lab:--delay | lab:--jitter | lab:--jitter-shape | lab:--keep-order | lab:--rate | lab:--overhead | lab:--queue-packets | lab:--queue-bytes | lab:--reorder | lab:--reorder-gap | lab:--reorder-distance | lab:--reorder-wait | lab:--duplicate | lab:--corrupt | lab:--corrupt-where | lab:--mtu | lab:--mtu-reply | lab:--ecn | lab:--blackhole | lab:--junit | lab:--answers | lab:--hand-in | lab:--name | lab:--key | lab:--seeds | lab:--jobs) return ;;
    extcap:--extcap-interface | extcap:--fifo | extcap:--extcap-capture-filter | extcap:--extcap-version | extcap:--server | extcap:--client | extcap:--seed | extcap:--loss | extcap:--delay | extcap:--rate | extcap:--queue-packets | extcap:--drop | extcap:--corrupt | extcap:--duplicate) return ;;
    serve:*) words='upper echo discard --host --port --listen --fd --framing --once --workers --engine --messages --log --log-level --trace-messages --log-file --user --sandbox --admin --handover --config --check --socket-mode --socket-group --tls --cert --key --client-ca --journal --durability --journal-size --journal-age --max-connections --max-connections-per-address --accept-rate --exempt --proxy-from --allow --deny --backlog --max-message --high-water --memory-budget --handshake-deadline --idle-timeout --message-deadline --write-deadline --keepalive --user-timeout --drain-delay --drain-grace --drain-spread --drain-deadline --lang --help' ;;
    send:*) words='--host --port --framing --timeout --quiet-time --until-close --retry --facts --steps --engine --tls --ca --cert --key --insecure --lang --help' ;;
    demo:*) words='--lang --help' ;;
    cert:*) words='--dir --days --lang --help' ;;
    bench:*) words='--host --port --connections --idle --rate --size --pipeline --framing --per-message-connection --reset --expect --send --expect-text --expect-bytes --duration --warm-up --patience --requests --server-pid --json --histogram --lang --help' ;;
    watch:*) words='--refresh --sort --filter --once --json --lang --help' ;;
    journal:*) words='--peer --since --until --contains --last --json --verify --lang --help' ;;
    lab:*) words='run list show copy exercise grade verify sweep doctor --seed --timeout --show --json --words --open --pcap --pcap-view --html --decisions --save-decisions --virtual --wall-limit --keep --until --samples --no-colour --no-color --ascii --server --client --ready --host-mtu --rto-min --setting --ipv6 --ask-kernel --drop --mark --hold --loss --burst-enter --burst-leave --burst-bad-loss --burst-good-loss --loss-list --delay --jitter --jitter-shape --keep-order --rate --overhead --queue-packets --queue-bytes --reorder --reorder-gap --reorder-distance --reorder-wait --duplicate --corrupt --corrupt-where --mtu --mtu-reply --ecn --blackhole --junit --no-pause --answers --checks --hand-in --name --questions --key --seeds --jobs --stop-at-first --lang --help' ;;
    extcap:*) words='--extcap-interfaces --extcap-interface --extcap-dlts --extcap-config --capture --fifo --extcap-capture-filter --extcap-version --server --client --seed --loss --delay --rate --queue-packets --drop --corrupt --duplicate --virtual --lang --help' ;;
    *) words='serve send demo cert bench watch journal lab extcap --help --version --lang' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _aperto aperto
