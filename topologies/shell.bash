# The start-up file of `lab shell`: the prompt says where one is, and what this host is in its swarm.
# ◆ a manager, ○ a worker, · no swarm here. Asked anew before each prompt, as roles change.

__swarm_sign() {
    local info
    [ "$SWARM_ROLE" = client ] && return
    info=$(curl --silent --max-time 0.5 --unix-socket /run/docker.sock http://docker/info 2>/dev/null)
    case $info in
        *'"ControlAvailable":true'*) printf '◆ ' ;;
        *'"LocalNodeState":"active"'*) printf '○ ' ;;
        *) printf '· ' ;;
    esac
}

__swarm_prompt() {
    local status=$?
    PS1="[$SWARM_LAB $SWARM_HOST $(__swarm_sign)$SWARM_ADDRESS] \$ "
    return $status
}

# What is typed is kept for `lab submit`, with the time it began: TIME<tab>LINE<nul>, in the host's own directory.
__swarm_keep() {
    local status=$? entry
    entry=$(HISTTIMEFORMAT='' history 1)
    if [ -n "$__swarm_at" ] && [ "$entry" != "$__swarm_last" ] && [ -w /run/swarmlab ]; then
        printf '%s\t%s\0' "$__swarm_at" "$(sed '1s/^ *[0-9]*\*\{0,1\}  //' <<<"$entry")" >>/run/swarmlab/typed
    fi
    __swarm_last=$entry __swarm_at=
    return $status
}

# Which process a number in the line stands for is known only now: TIME<tab>NUMBER<tab>FIRST<tab>NAME<nul>, where FIRST
# is the first process of the container that it belongs to, 0 for one of the host's own.
__swarm_pids() {
    local line number process key rest first name
    line=$(HISTTIMEFORMAT='' history 1)
    line=${line#*[0-9]  }
    [[ $line == *[0-9]* && -w /run/swarmlab ]] || return
    for number in ${line//[!0-9]/ }; do
        [ -d "/proc/$number" ] || continue
        first=0
        if ! [ "/proc/$number/ns/pid" -ef /proc/self/ns/pid ]; then
            for process in /proc/[0-9]*; do
                [ "/proc/$number/ns/pid" -ef "$process/ns/pid" ] || continue
                while read -r key rest; do [ "$key" = NSpid: ] && break; done <"$process/status"
                [ "${rest##*[!0-9]}" = 1 ] && first=${process#/proc/} && break
            done
        fi
        read -r name <"/proc/$number/comm"
        printf '%s\t%s\t%s\t%s\0' "$__swarm_at" "$number" "$first" "$name" >>/run/swarmlab/pids
    done
} 2>/dev/null
PS0='${__swarm_at:$((__swarm_at=${EPOCHREALTIME/[.,]/}, 0)):0}$(__swarm_pids)'
HISTCONTROL=
__swarm_last=$(HISTTIMEFORMAT='' history 1)

PROMPT_COMMAND='__swarm_keep; __swarm_prompt'
HISTFILE=$HOME/.bash_history
alias ls='ls --color=auto'
[ -r /usr/share/bash-completion/bash_completion ] && . /usr/share/bash-completion/bash_completion
cd || :

# A key of the guide typed here, where it is no command, is the commonest first slip.
command_not_found_handle() {
    case $1 in
        [nhcpstlxq] | '?')
            if [ $# -eq 1 ]; then case ${LAB_LANG:-${LC_ALL:-${LC_MESSAGES:-$LANG}}} in
                fr*) printf '%s est une touche du guide, pas une commande : F2 y mène, puis %s.\n' "$1" "$1" ;;
                *) printf '%s is a key of the guide, not a command: F2 goes there, then %s.\n' "$1" "$1" ;;
            esac; fi ;;
        *) printf 'bash: %s: command not found\n' "$1" ;;
    esac >&2
    return 127
}
