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

PROMPT_COMMAND=__swarm_prompt
HISTFILE=$HOME/.bash_history
alias ls='ls --color=auto'
[ -r /usr/share/bash-completion/bash_completion ] && . /usr/share/bash-completion/bash_completion
cd || :
