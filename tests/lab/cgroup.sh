# cgroup.sh freeze|throttle PID: puts a process into a cgroup of its own, which goes when the process does.
# The folders are those that the process sees: `ip netns exec` has put another /sys over ours.
set -e
root=/proc/$2/root/sys/fs/cgroup
name=sonde-lab-$2
for tree in "$root/$([ "$1" = freeze ] && echo freezer || echo cpu)" "$root/unified" "$root"; do
  [ -e "$tree/cgroup.procs" ] || continue
  mkdir -p "$tree/$name" 2>/dev/null || continue
  for file in "$tree/$name/cgroup.freeze" "$tree/$name/cpu.cfs_quota_us" "$tree/$name/cpu.max"; do
    case "$1:${file##*/}" in
      freeze:cgroup.freeze) value=1 ;;
      throttle:cpu.cfs_quota_us) value=5000 ;;
      throttle:cpu.max) value="5000 100000" ;;
      *) continue ;;
    esac
    [ -e "$file" ] || continue
    echo "$2" > "$tree/$name/cgroup.procs"
    echo "$value" > "$file"
    # Detached: whoever called this does not wait for it. From within the tree, since the way to it ends with the process.
    (cd "$tree" && while kill -0 "$2"; do sleep 0.2; done; sleep 0.5; rmdir "$name") > /dev/null 2>&1 &
    exit 0
  done
  rmdir "$tree/$name"
done
echo "no tree of cgroups here can $1 a process" >&2
exit 1
