#!/bin/sh
# lucidray from a checkout. Makes its own environment on first use and runs lucidray in the caller's folder:
# stdout carries results only, whatever is said about the set-up goes to stderr.
set -eu

self=$0
while [ -L "$self" ]; do
    target=$(readlink -- "$self")
    case $target in
        /*) self=$target ;;
        *) self=$(dirname -- "$self")/$target ;;
    esac
done
root=$(CDPATH='' cd -- "$(dirname -- "$self")" && pwd -P)
venv=${LUCIDRAY_VENV:-$root/.venv}
case $venv in
    /*) ;;
    *) venv=$PWD/$venv ;;
esac
python=$venv/bin/python
mark=$venv/.made-by-lucidray

usage() {
    cat <<'TEXT'
lucidray reads chest radiographs offline, with the evidence for every sentence.

  ./run.sh demo                      read a real film and open the report in the browser
  ./run.sh read chest.dcm            the report on the terminal; more: ./run.sh read --help
  ./run.sh serve                     the workstation in the browser: worklist, viewer, report
  ./run.sh doctor                    what works here, and cures for what does not
  ./run.sh --help                    all commands
  ./run.sh setup [EXTRA...]          install optional parts, for example: ./run.sh setup train
  ./run.sh test [PYTEST OPTIONS]     run the tests

The first use makes an environment in .venv (or $LUCIDRAY_VENV) and needs the network for it; later ones do not.
Research use only, not for clinical diagnosis.
TEXT
}

say() { printf 'lucidray: %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' </dev/null >/dev/null 2>&1
}

find_python() {
    # 3.13 and older first: the newest Python is the last one that every decoder is built for.
    for name in ${LUCIDRAY_PYTHON:+"$LUCIDRAY_PYTHON"} python3.13 python3.12 python3.11 python3.14 python3 python; do
        if is_new_enough "$name"; then
            printf '%s\n' "$name"
            return
        fi
        [ "$name" != "${LUCIDRAY_PYTHON:-}" ] || fail "LUCIDRAY_PYTHON=$name is no Python 3.11 or newer"
    done
    fail "no Python 3.11 or newer was found: install one (https://www.python.org/downloads) or name it in LUCIDRAY_PYTHON"
}

# What an installation depends on, word by word: it is done again only when this changes.
recipe() {
    printf '%s\n%s\n' "$1" "$root"
    cat -- "$root/pyproject.toml"
}

is_installed() {
    [ -f "$venv/.installed-$1" ] && [ "$(recipe "$1")" = "$(cat -- "$venv/.installed-$1")" ] && is_new_enough "$python"
}

make_environment() {
    if "$python" -m pip --version </dev/null >/dev/null 2>&1; then
        is_new_enough "$python" || fail "the environment in $venv has a Python older than 3.11: remove it, or set LUCIDRAY_VENV"
        return
    fi
    # Only what this script began is cleared: LUCIDRAY_VENV may name a folder with something else in it.
    if [ -d "$venv" ] && [ -n "$(ls -A -- "$venv")" ] && [ ! -f "$mark" ]; then
        fail "$venv is no working Python environment and was not made here: remove it, or set LUCIDRAY_VENV"
    fi
    base=$(find_python) || exit 1
    "$base" -c 'import ensurepip, venv' </dev/null >/dev/null 2>&1 ||
        fail "$base cannot make environments; on Debian and Ubuntu: sudo apt install python3-venv"
    say "making an environment in $venv with $("$base" --version 2>&1)"
    rm -rf -- "$venv"
    mkdir -p -- "$venv" && : >"$mark" || fail "cannot write to $venv; set LUCIDRAY_VENV to a folder where you may"
    "$base" -m venv "$venv" </dev/null >&2 || fail "the environment could not be made (see above)"
}

# install NAME EXTRAS: stamps are written last, so that an interrupted installation is taken up again. All hold the base.
install() {
    make_environment
    say "installing ${2:-the base} (once; a minute or two)"
    rm -f -- "$venv/.installed-base" "$venv/.installed-test" "$venv/.installed-server"
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --editable "$root${2:+[$2]}" </dev/null >&2 ||
        fail "the installation did not finish (see above); it needs the network once: try again when it is there"
    recipe base >"$venv/.installed-base"
    [ "$1" = base ] || recipe "$1" >"$venv/.installed-$1"
    say "ready"
}

case ${1:-} in
    '' | help)
        usage
        ;;
    setup)
        shift
        extras=demo
        for extra in "$@"; do
            extras=$extras,$extra
        done
        install base "$extras"
        ;;
    test)
        shift
        is_installed test || install test demo,test
        cd -- "$root"
        exec "$python" -P -m pytest -rs -m 'not extra' "$@"
        ;;
    serve | token | purge | export)
        is_installed server || install server demo,server
        exec "$python" -P -m lucidray "$@"
        ;;
    *)
        is_installed base || install base demo
        exec "$python" -P -m lucidray "$@"
        ;;
esac
