# Outlives the tool just long enough to clean up after it, whatever killed it.
#
# $1 is the process group that all of the tool's children run in. Standard input is a pipe whose only
# write end the tool holds: it names the tool's temporary directories, one a line, before it makes them.
# The end of input means that the tool is done or dead. Standard output is a pipe that the group's leader
# waits on: the leader lives as long as this shell, so that the group's number stays ours to the end.
trap '' HUP INT QUIT TERM PIPE
exec 2>/dev/null
pen=$1
shift
while IFS= read -r dir; do set -- "$@" "$dir"; done

# What a file says about a process is believed only if that process is a member of the pen.
in_pen() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  if [ -e /proc/self/stat ]; then
    IFS= read -r stat <"/proc/$1/stat" || return 1
    stat=${stat##*')'} # state, parent, group, ...
    stat=${stat# }
    stat=${stat#* }
    stat=${stat#* }
    group=${stat%% *}
  else
    group=$(ps -o pgid= -p "$1" | tr -d ' ')
  fi
  [ "$group" = "$pen" ]
}

pause() { sleep 0.01 || sleep 1; }

# A PostgreSQL server first: on SIGQUIT it leaves at once and leaks nothing, on SIGKILL it would leak
# shared memory.
for dir do
  postmaster=
  if [ -f "$dir/data/postmaster.pid" ]; then read -r postmaster <"$dir/data/postmaster.pid"; fi
  if in_pen "$postmaster"; then kill -QUIT "$postmaster"; fi
done
kill -TERM "-$pen"

# Two seconds to go in peace (a git that is told to go removes its lock files), then no choice.
tries=0
while kill -0 "-$pen" && [ "$tries" -lt 200 ]; do
  tries=$((tries + 1))
  pause
done
if [ "$tries" -ge 200 ]; then kill -KILL "-$pen"; fi

for dir do
  tries=0
  while rm -rf -- "$dir"; [ -e "$dir" ] && [ "$tries" -lt 200 ]; do
    tries=$((tries + 1))
    pause
  done
done
exit 0
