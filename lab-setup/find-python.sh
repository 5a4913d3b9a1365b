# Sourced by start, test and doctor: sets $python to a Python that can run the set-up steps.
#
# Debian's own is preferred over a newer one on PATH: .venv is made from it, and a version
# manager's Python may vanish or change under a .venv.

new_enough() {
    command -v -- "$1" >/dev/null 2>&1 &&
        "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for python in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if new_enough "$python"; then return 0; fi
    done
    return 1
}

if ! find_python; then
    install='apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv'
    as_root=
    if [ "$(id -u)" = 0 ]; then as_root=env; elif sudo -n true 2>/dev/null; then as_root='sudo -n'; fi
    if [ -n "$as_root" ] && command -v apt-get >/dev/null; then
        echo "rumplab: installing python3, which the set-up itself needs"
        said=$($as_root sh -c "export DEBIAN_FRONTEND=noninteractive; $install" 2>&1) ||
            printf '%s\n' "$said" | tail -n 8 >&2
    fi
    if ! find_python; then
        echo "rumplab: no Python 3.11 or newer was found, and the set-up needs one." >&2
        # All the packages a user needs, so that the administrator is asked once.
        all=$(awk '$1 == "run" || $1 == "node" { printf " %s", $2 }' "$here/system-packages.txt")
        echo "  as an administrator: ${install%% python3*}$all" >&2
        echo "  then run this command again." >&2
        exit 1
    fi
fi
