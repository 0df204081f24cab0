# bash completion for aperto, made by `aperto completion bash`
_aperto() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        serve | send | demo | bench | lab) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $command:$before in
    *:--lang) words='en pt_BR' ;;
    serve:--host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word"); return ;;
    serve:--framing) words='stream line length raw' ;;
    serve:--engine) words='auto uring epoll' ;;
    serve:--messages) words='auto all none' ;;
    serve:--log) words='text json' ;;
    serve:--port | serve:--workers | serve:--config | serve:--check | serve:--max-connections | serve:--max-connections-per-address | serve:--accept-rate | serve:--exempt | serve:--allow | serve:--deny | serve:--backlog | serve:--max-message | serve:--high-water | serve:--memory-budget | serve:--handshake-deadline | serve:--idle-timeout | serve:--message-deadline | serve:--write-deadline | serve:--keepalive | serve:--user-timeout | serve:--drain-delay | serve:--drain-grace | serve:--drain-spread | serve:--drain-deadline) return ;;
    send:--host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word"); return ;;
    send:--framing) words='stream line length raw' ;;
    send:--engine) words='auto uring epoll' ;;
    send:--port | send:--timeout | send:--retry) return ;;
    bench:--host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word"); return ;;
    bench:--framing) words='stream line length' ;;
    bench:--expect) words='upper echo none' ;;
    bench:--port | bench:--connections | bench:--idle | bench:--rate | bench:--size | bench:--pipeline | bench:--send | bench:--expect-text | bench:--expect-bytes | bench:--duration | bench:--warm-up | bench:--patience | bench:--requests | bench:--server-pid | bench:--histogram) return ;;
    serve:*) words='upper echo discard --host --port --framing --once --workers --engine --messages --log --config --check --max-connections --max-connections-per-address --accept-rate --exempt --allow --deny --backlog --max-message --high-water --memory-budget --handshake-deadline --idle-timeout --message-deadline --write-deadline --keepalive --user-timeout --drain-delay --drain-grace --drain-spread --drain-deadline --lang --help' ;;
    send:*) words='--host --port --framing --timeout --retry --facts --engine --lang --help' ;;
    demo:*) words='--lang --help' ;;
    bench:*) words='--host --port --connections --idle --rate --size --pipeline --framing --per-message-connection --reset --expect --send --expect-text --expect-bytes --duration --warm-up --patience --requests --server-pid --json --histogram --lang --help' ;;
    lab:*) words='--lang --help' ;;
    *) words='serve send demo bench lab --help --version --lang' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _aperto aperto
