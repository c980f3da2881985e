# Outlives the tool just long enough to clean up after it, whatever killed it.
#
# $1 is the process group that all of the tool's children run in, the pen. Standard input is a pipe whose only
# write end the tool holds: it names the tool's temporary directories, one a line, before it makes them.
# The end of input means that the tool is done or dead. Standard output is a pipe that the group's leader
# waits on: the leader lives as long as this shell, so that the group's number stays ours to the end.
trap '' HUP INT QUIT TERM PIPE
exec 2>/dev/null
pen=$1
shift
while IFS= read -r dir; do set -- "$@" "$dir"; done

pause() { sleep "${1:-0.01}" || sleep 1; }

# Whether process $1 is a living member of the pen: numbers are not to be believed, wherever they come from.
member() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  if [ -e /proc/self/stat ]; then
    IFS= read -r stat <"/proc/$1/stat" || return 1
    stat=${stat##*')'} # state, parent, group, ...
    group=${stat#* * * }
    group=${group%% *}
  else
    stat=" $(ps -o stat=,pgid= -p "$1")"
    group=${stat##* }
  fi
  case $stat in ' Z'*) return 1 ;; esac
  [ "$group" = "$pen" ]
}

# The first line of the file in which a server, or initdb, keeps its process number.
postmaster() {
  number=
  if [ -f "$1/data/postmaster.pid" ]; then IFS= read -r number <"$1/data/postmaster.pid"; fi
}

# Whether initdb is at work: its own servers' numbers are negative.
initialising() {
  for dir do
    postmaster "$dir"
    case $number in -*) if member "${number#-}"; then return 0; fi ;; esac
  done
  return 1
}

# Whether anybody but the dead, whom their parent has not buried yet, is in the pen.
inhabited() {
  if ! [ -e /proc/self/stat ]; then return 0; fi
  for process in /proc/[0-9]*; do
    if member "${process#/proc/}"; then return 0; fi
  done
  return 1
}

# Whether one of the servers that were told to go is still on its way out.
leaving() {
  for server in $servers; do
    if member "$server"; then return 0; fi
  done
  return 1
}

# On SIGQUIT a PostgreSQL server leaves at once and leaks nothing, on SIGKILL it would leak shared memory.
# Those of initdb leak it on any signal, but are done in a moment. A moment is long where the processors are busy.
tries=0
while initialising "$@" && [ "$tries" -lt 1000 ]; do
  tries=$((tries + 1))
  pause
done
servers=
for dir do
  postmaster "$dir"
  if member "$number"; then
    kill -QUIT "$number"
    servers="$servers $number"
  fi
done
kill -TERM "-$pen"

# Mostly only the leader is left by now, and is buried sooner than a sleep begins.
tries=0
while [ "$tries" -lt 5000 ] && kill -0 "-$pen"; do tries=$((tries + 1)); done

# Two seconds to go in peace (a git that is told to go removes its lock files), and five times as long for a server; then
# no choice.
tries=0
while kill -0 "-$pen" && { [ "$tries" -lt 200 ] || { [ "$tries" -lt 1000 ] && leaving; }; }; do
  tries=$((tries + 1))
  # Whoever has ended in order is buried at once.
  if [ "$tries" -le 3 ]; then pause 0.002; else pause; fi
  case $tries in 5 | 20 | 50 | 100) if ! inhabited; then break; fi ;; esac
done

# The deaf, and whoever was started while nobody seemed to be left. Told is not gone: where the processors are busy the
# dead still hold what they had open.
if kill -KILL "-$pen"; then
  tries=0
  while inhabited && [ "$tries" -lt 1000 ]; do
    tries=$((tries + 1))
    pause
  done
fi

for dir do
  tries=0
  while [ -e "$dir" ] && rm -rf -- "$dir"; [ -e "$dir" ] && [ "$tries" -lt 200 ]; do
    tries=$((tries + 1))
    pause
  done
done
exit 0
