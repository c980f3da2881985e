# Outlives the tool just long enough to clean up after it, whatever killed it.
#
# $1 is the process group that all of the tool's children run in. Standard input is a pipe whose only
# write end the tool holds: it names the tool's temporary directories, one a line, before it makes them.
# The end of input means that the tool is done or dead.
trap '' HUP INT QUIT TERM PIPE
exec 2>/dev/null
pen=$1
shift
while IFS= read -r dir; do set -- "$@" "$dir"; done

# A PostgreSQL server first: on SIGQUIT it leaves at once and leaks nothing, on SIGKILL it would leak
# shared memory.
for dir do
  if read -r postmaster <"$dir/data/postmaster.pid"; then kill -QUIT "$postmaster"; fi
done
kill -TERM "-$pen"

# Two seconds to go in peace (a git that is told to go removes its lock files), then no choice.
tries=0
while kill -0 "-$pen" && [ "$tries" -lt 100 ]; do
  tries=$((tries + 1))
  sleep 0.02 || sleep 1
done
kill -KILL "-$pen"

for dir do
  tries=0
  while rm -rf -- "$dir"; [ -e "$dir" ] && [ "$tries" -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.02 || sleep 1
  done
done
exit 0
