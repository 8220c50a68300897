#!/usr/bin/env bash
# Builds Threadbook and puts it where Jupyter finds it; `./install.sh help` lists the
# commands. Each step looks first whether its work is done already, so a second run is
# quick and needs no network. Works with bash 3.2, which macOS has.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

target=${CARGO_TARGET_DIR:-$repo/target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
cargo_bin=${CARGO_HOME:-$HOME/.cargo}/bin
lab_packages=(jupyterlab ipywidgets nbclient papermill)

usage() {
    cat <<'TEXT'
Usage: ./install.sh COMMAND

  lab [OPTION...]        install what is missing and open JupyterLab on notebooks/
                         (options go to `jupyter lab`)
  test [--soak] [OPTION...]
                         run every test (options go to pytest); --soak adds the long ones:
                         fuzzing, $THREADBOOK_FUZZ_SECONDS (60) for each target, and a
                         notebook of 1,000 cells with crashes and interrupts in it;
                         --engine evcxr tests that engine instead
  install [--user | --sys-prefix | --prefix DIR] [--engine evcxr]
                         build Threadbook and tell Jupyter about it: for you (the
                         default), for the active Python environment, or for the one at DIR;
                         --engine evcxr: as a second kernel, whose cells evcxr compiles
                         (its build takes about ten minutes more)
  run NOTEBOOK [OPTION...]
                         run a notebook in the terminal (`run --help` lists the options)
  uninstall              remove all that `install` made
  help                   show this text

The program and its files go to ~/.local/share/threadbook, or where THREADBOOK_HOME says.
TEXT
}

# ---------------------------------------------------------------- messages

step() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }

# die WHAT_IS_WRONG [WHAT_MENDS_IT]
die() {
    printf 'install.sh: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then note "To mend it: $2"; fi
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
is_macos() { [ "$(uname -s)" = Darwin ]; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# at_least HAVE WANTED: compares versions such as 1.95.0 and 1.89.
at_least() {
    awk -v have="$1" -v wanted="$2" 'BEGIN {
        split(have, h, /[.-]/); split(wanted, w, /[.-]/)
        for (i = 1; i <= 3; i++) if (h[i] + 0 != w[i] + 0) exit !(h[i] + 0 > w[i] + 0)
    }'
}

# ---------------------------------------------------------------- where things go

# set_home FOLDER: the program and its JupyterLab go there.
set_home() {
    case $1 in /*) home=$1 ;; *) home=$PWD/$1 ;; esac
    program=$home/bin/threadbook
    # The one with the engine evcxr, and beside it the program that holds evcxr.
    evcxr_program=$home/engine-evcxr/threadbook
    # For `uninstall`, a line each: the folders of the kernelspecs that were written, and the
    # Pythons whose papermill was given its translator.
    installed_list=$home/kernelspecs
    papermill_list=$home/papermill
}

# set_own_home FOLDER: not the usual one. What the kernel keeps goes there too, and the
# kernelspec tells the kernel so.
set_own_home() {
    set_home "$1"
    export THREADBOOK_DATA_DIR=$home THREADBOOK_CACHE_DIR=$home/cache
}

if [ -n "${THREADBOOK_HOME:-}" ]; then
    set_own_home "$THREADBOOK_HOME"
else
    set_home "$HOME/.local/share/threadbook"
fi

# Where the kernel keeps its builds and the history of cells.
if is_macos; then
    data=${THREADBOOK_DATA_DIR:-$HOME/Library/Application Support/threadbook}
    cache=${THREADBOOK_CACHE_DIR:-$HOME/Library/Caches/threadbook}
else
    data=${THREADBOOK_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/threadbook}
    cache=${THREADBOOK_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/threadbook}
fi

# ---------------------------------------------------------------- what the system must have

can_link() {
    have cc || return 1
    # On macOS, cc is there before the tools behind it are, and opens a window.
    if is_macos && ! xcode-select -p >/dev/null 2>&1; then return 1; fi
    local folder status=0
    folder=$(mktemp -d)
    echo 'int main(void) { return 0; }' >"$folder/main.c"
    cc -o "$folder/main" "$folder/main.c" >/dev/null 2>&1 || status=1
    rm -rf "$folder"
    return $status
}

can_download() { have curl || have wget; }

can_build_cpp() { [ -n "${CXX:-}" ] || have c++ || have g++ || have clang++; }

python_works() {
    have python3 && python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1
}

# need_system THING...: of `linker`, `download`, `cpp` and `python`, what is missing is
# named, all in one command.
need_system() {
    local missing=() thing
    for thing in "$@"; do
        case $thing in
            linker) can_link || missing+=(linker) ;;
            download) can_download || missing+=(download) ;;
            cpp) can_build_cpp || missing+=(cpp) ;;
            python) python_works || missing+=(python) ;;
        esac
    done
    if [ ${#missing[@]} -eq 0 ]; then return; fi

    local what=() packages=() manager install thing
    manager=$(package_manager)
    for thing in "${missing[@]}"; do
        case $thing in
            linker) what+=('a C linker (cc)') ;;
            download) what+=('curl or wget') ;;
            cpp) what+=('a C++ compiler (c++)') ;;
            python) what+=('Python 3.9 or later with its venv module') ;;
        esac
        case $manager:$thing in
            apt-get:linker) packages+=(build-essential) ;;
            apt-get:download) packages+=(curl ca-certificates) ;;
            apt-get:python) packages+=(python3-venv) ;;
            apt-get:cpp) packages+=(g++) ;;
            apk:linker | apk:cpp) packages+=(build-base) ;;
            dnf:cpp | zypper:cpp) packages+=(gcc-c++) ;;
            pacman:python) packages+=(python) ;;
            *:linker | *:cpp) packages+=(gcc) ;;
            *:download) packages+=(curl) ;;
            *:python) packages+=(python3) ;;
        esac
    done
    local list
    list=$(printf ', %s' "${what[@]}")
    list=${list:2}
    case $manager in
        apt-get | dnf | zypper) install="$manager install -y ${packages[*]}" ;;
        pacman) install="pacman -S --needed ${packages[*]}" ;;
        apk) install="apk add ${packages[*]}" ;;
        xcode) install='xcode-select --install' ;;
        *) die "missing: $list" 'install it with the package manager of your system, then run this again' ;;
    esac
    if [ "$manager" = apt-get ] && is_root; then
        step "Installing the missing system packages: ${packages[*]}"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}"; } >&2 ||
            die "apt-get could not install $list" "$install"
        for thing in "${missing[@]}"; do
            case $thing in
                linker) can_link ;;
                download) can_download ;;
                cpp) can_build_cpp ;;
                python) python_works ;;
            esac || die "still missing after the installation: $list" \
                "look at what \`command -v cc curl python3\` finds, then run this again"
        done
    elif [ "$manager" = xcode ]; then
        die "missing: $list" "$install"
    else
        die "missing: $list" "sudo $install"
    fi
}

package_manager() {
    if is_macos; then
        echo xcode
        return
    fi
    local manager
    for manager in apt-get dnf pacman zypper apk; do
        if have $manager; then
            echo $manager
            return
        fi
    done
}

# ---------------------------------------------------------------- Rust

wanted_rust() { sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$repo/Cargo.toml"; }

# What rustc on PATH calls itself, in the repository; nothing when it does not work.
present_rust() {
    (cd "$repo" && cargo --version && rustc --version) 2>/dev/null | sed -n 's/^rustc \([0-9][^ ]*\).*/\1/p'
}

rust_is_new_enough() {
    local version
    version=$(present_rust) || true
    [ -n "$version" ] && at_least "$version" "$(wanted_rust)"
}

need_rust() {
    if rust_is_new_enough; then return; fi
    # A shell that was open when rustup was installed does not have it on PATH.
    PATH=$cargo_bin:$PATH
    export PATH
    if rust_is_new_enough; then return; fi

    local wanted
    wanted=$(wanted_rust)
    if have rustup; then
        step "Updating Rust (found $(present_rust || true), needed $wanted): rustup update stable"
        rustup update --no-self-update stable >&2 || die "rustup could not update Rust" 'rustup update stable'
        if ! rust_is_new_enough; then
            die "Rust $wanted or later is installed, but another toolchain is the default here" 'rustup default stable'
        fi
    else
        step "Installing Rust into $cargo_bin (by rustup, from https://sh.rustup.rs)"
        local script status=0
        script=$(mktemp)
        download https://sh.rustup.rs >"$script" || status=1
        if [ $status -eq 0 ]; then
            # An older Rust from the system's packages may stay: ours comes first on PATH.
            RUSTUP_INIT_SKIP_PATH_CHECK=yes sh "$script" -y --profile minimal --default-toolchain stable >&2 || status=1
        fi
        rm -f "$script"
        [ $status -eq 0 ] || die "Rust could not be installed" \
            "look at the network connection, or install Rust $wanted or later from https://rustup.rs"
        rust_is_new_enough || die "Rust was installed, but \`rustc --version\` does not answer $wanted or later" \
            "install Rust $wanted or later from https://rustup.rs"
    fi
}

download() {
    if have curl; then
        curl --proto '=https' --tlsv1.2 -sSf "$1"
    else
        wget -qO- "$1"
    fi
}

# Fetches the crates of Cargo.lock. After this, cargo needs no network.
fetch_crates() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    if (cd "$repo" && cargo fetch --locked --offline --target "$host") >/dev/null 2>&1; then return; fi
    step "Downloading the crates that Threadbook is built from"
    (cd "$repo" && cargo fetch --locked --target "$host") >&2 ||
        die "the crates could not be downloaded; the message above says why" \
            "look at the network connection (or run \`cargo update\` if Cargo.lock is out of date), then run this again"
}

build() {
    if [ ! -e "$target/release/threadbook" ]; then
        mkdir -p "$target"
        local free
        free=$(df -Pk "$target" | awk 'NR == 2 { print $4 }')
        if [ "${free:-9999999}" -lt 1500000 ]; then
            die "only $((free / 1024)) MB are free in $target, and the build needs 1500" \
                "make room, or set CARGO_TARGET_DIR to a folder on another disk"
        fi
        step "Building Threadbook (a few minutes, the first time)"
    else
        step "Building Threadbook, where it has changed"
    fi
    (cd "$repo" && CARGO_TARGET_DIR=$target cargo build --release --locked --offline -p threadbook-kernel) >&2 ||
        die "the build failed; the messages above say why" "if they name a full disk, make room; then run this again"
}

# ---------------------------------------------------------------- the program and its kernelspec

# place BUILT PROGRAM: copies what was built.
place() {
    mkdir -p "${2%/*}" || die "cannot write to $home" "set THREADBOOK_HOME to a folder that you can write to"
    if cmp -s "$1" "$2"; then return; fi
    step "Copying the program to $2"
    # Renamed into place: a kernel that runs keeps the file that it started from.
    cp "$1" "$2.new"
    mv -f "$2.new" "$2"
}

place_program() {
    place "$target/release/threadbook" "$program"
    build_prelude
}

# Builds the kernel with the engine evcxr, and the program that holds evcxr, which has a
# Cargo.lock of its own: who does without this engine fetches none of its crates.
build_engine_evcxr() {
    local found wanted manifest=$repo/kernel/evcxr/Cargo.toml
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$manifest")
    found=$(present_rust)
    at_least "$found" "$wanted" ||
        die "the engine evcxr needs Rust $wanted or later, and this is $found" "rustup update stable"
    step "Building evcxr (about ten minutes, the first time)"
    (cd "$repo/kernel/evcxr" && CARGO_TARGET_DIR=$target/evcxr cargo build --release --locked) >&2 ||
        die "evcxr could not be built; the messages above say why" \
            "if they name the network or a full disk, mend that; then run this again"
    step "Building Threadbook with this engine"
    (cd "$repo" && CARGO_TARGET_DIR=$target cargo build --release --locked --offline -p threadbook-kernel \
        --features evcxr) >&2 || die "the build failed; the messages above say why" "run this again"
    place "$target/release/threadbook" "$evcxr_program"
    place "$target/evcxr/release/threadbook-evcxr" "${evcxr_program%/*}/threadbook-evcxr"
}

build_prelude() {
    "$program" prelude >&2 || die "the prelude library could not be built; the message above says why" \
        "mend that, then run: $program prelude"
}

link_program() {
    local link=$HOME/.local/bin/threadbook
    if [ "$(readlink "$link" 2>/dev/null)" = "$program" ]; then return; fi
    if [ -e "$link" ] && [ ! -L "$link" ]; then
        note "$link is not ours and stays as it is; the program is $program"
    elif mkdir -p "${link%/*}" 2>/dev/null && ln -sf "$program" "$link" 2>/dev/null; then
        step "Linking it as $link"
    fi
}

# write_kernelspec PROGRAM install [OPTION...]
write_kernelspec() {
    local folder
    folder=$("$@" 2>/dev/null) || {
        "$@" >&2 || true
        die "the kernelspec could not be written" "the line above says how"
    }
    if ! grep -qxF "$folder" "$installed_list" 2>/dev/null; then
        printf '%s\n' "$folder" >>"$installed_list"
    fi
    step "Jupyter offers \"$(sed -n 's/^ *"display_name": "\(.*\)",$/\1/p' "$folder/kernel.json")\": $folder"
}

# ---------------------------------------------------------------- JupyterLab

# Says where `jupyter-lab` is, ours or another's; nothing when there is none.
find_lab() {
    if have jupyter-lab && jupyter-lab --version >/dev/null 2>&1; then
        command -v jupyter-lab
    elif [ -x "$home/venv/bin/jupyter-lab" ] && imports "$home/venv/bin/python" "${lab_packages[@]}"; then
        echo "$home/venv/bin/jupyter-lab"
    fi
}

# imports PYTHON MODULE...: whether Python finds the modules.
imports() {
    "$1" -c 'import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))' \
        "${@:2}" >/dev/null 2>&1
}

# Installs JupyterLab when `find_lab` found none, beside the build: the one waits for the
# network, the other for the processor.
lab_pid=
begin_lab() {
    if [ -n "$lab" ]; then return; fi
    step "Installing JupyterLab into $home/venv, at the same time"
    lab=$home/venv/bin/jupyter-lab
    lab_log=$(mktemp)
    make_venv "$home/venv" "${lab_packages[@]}" >"$lab_log" 2>&1 &
    lab_pid=$!
    trap 'kill "$lab_pid" 2>/dev/null || true; rm -f "$lab_log"' EXIT
}

end_lab() {
    if [ -z "$lab_pid" ]; then return; fi
    step "Waiting for JupyterLab to be installed"
    local status=0
    wait "$lab_pid" || status=1
    lab_pid=
    trap - EXIT
    cat "$lab_log" >&2
    rm -f "$lab_log"
    [ $status -eq 0 ] || die "JupyterLab could not be installed, see above" "mend that, then run this again"
}

# make_venv FOLDER PIP_ARGUMENT...
make_venv() {
    local folder=$1
    shift
    if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
        rm -rf "$folder"
        python3 -m venv "$folder" >&2 || die "Python could not make a virtual environment in $folder" \
            "look at the message above, then run this again"
    fi
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 ||
        die "pip could not install: $*" "look at the network connection, then run this again"
}

# ---------------------------------------------------------------- papermill

# The Pythons that have papermill: that of our own environment, and that of the `papermill`
# on PATH, which its first line names.
papermill_pythons() {
    local own=$home/venv/bin/python program first=
    if [ -x "$own" ] && imports "$own" papermill; then echo "$own"; fi
    program=$(command -v papermill) || return 0
    IFS= read -r first <"$program" || true
    first=${first#'#!'}
    if [ "$first" != "$own" ] && [ -x "$first" ] && imports "$first" papermill; then echo "$first"; fi
}

# give_translator PYTHON: installs what lets papermill write parameters in Rust.
give_translator() {
    local there
    there=$(cd / && "$1" -c 'import importlib.util; print(importlib.util.find_spec("threadbook_papermill").origin)' 2>/dev/null) || true
    if cmp -s "$repo/python/threadbook_papermill.py" "$there"; then return; fi
    step "Teaching papermill to write Rust ($1)"
    "$1" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$repo/python" \
        </dev/null >&2
}

teach_papermill() {
    local python
    while IFS= read -r python; do
        if ! give_translator "$python"; then
            note "This papermill does not know Rust; to mend it, see above, then: $python -m pip install $repo/python"
        elif ! grep -qxF "$python" "$papermill_list" 2>/dev/null; then
            printf '%s\n' "$python" >>"$papermill_list"
        fi
    done < <(papermill_pythons)
}

# ---------------------------------------------------------------- commands

need_build_tools() {
    local things=(linker)
    if ! rust_is_new_enough && ! have rustup && [ ! -x "$cargo_bin/rustup" ]; then things+=(download); fi
    need_system "${things[@]}" "$@"
    need_rust
}

# What compiles the cells.
engine=native

set_engine() {
    local name=${1#--engine=}
    case $name in
        native | evcxr) engine=$name ;;
        *) die "there is no engine '$name'" 'the engines are native, which is the usual one, and evcxr' ;;
    esac
}

install_all() {
    local location=()
    while [ $# -gt 0 ]; do
        case $1 in
            --user | --sys-prefix) location=("$1") ;;
            --prefix)
                [ $# -gt 1 ] || die "--prefix needs a folder" './install.sh install --prefix DIR'
                location=(--prefix "$2")
                shift
                ;;
            --prefix=*) location=(--prefix "${1#--prefix=}") ;;
            --engine | --engine=*)
                if [ "$1" = --engine ]; then shift; fi
                set_engine "${1-}"
                ;;
            *) die "install does not know $1" './install.sh help' ;;
        esac
        shift
    done
    lab=$(find_lab)
    if [ -n "$lab" ]; then need_build_tools; else need_build_tools python; fi
    begin_lab
    fetch_crates
    build
    place_program
    link_program
    if [ "$engine" = evcxr ]; then build_engine_evcxr; fi
    end_lab
    # With no environment but our own, that is the one.
    if [ "${location[0]:-}" = --sys-prefix ] && [ "$lab" = "$home/venv/bin/jupyter-lab" ]; then
        location=(--prefix "$home/venv")
    fi
    write_kernelspec "$program" install ${location[@]+"${location[@]}"}
    if [ "$engine" = evcxr ]; then
        write_kernelspec "$evcxr_program" install --engine evcxr ${location[@]+"${location[@]}"}
    fi
    teach_papermill
}

command_install() {
    install_all "$@"
    step "Done. Open JupyterLab with ./install.sh lab, or choose \"Rust (Threadbook)\" in the Jupyter that you use."
}

has_screen() {
    if [ -n "${SSH_CONNECTION:-}" ]; then return 1; fi
    is_macos || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]
}

command_lab() {
    install_all
    local options=(--ServerApp.root_dir="$repo/notebooks")
    if is_root; then options+=(--allow-root); fi
    if has_screen; then
        step "Opening JupyterLab"
    else
        options+=(--no-browser)
        step "Starting JupyterLab; open the address that it prints below (Ctrl-C ends it)"
    fi
    # Terminals in JupyterLab find `jupyter` too.
    PATH=$(dirname "$lab"):$PATH
    export PATH
    exec "$lab" "${options[@]}" "$@"
}

command_run() {
    [ $# -gt 0 ] || die "run needs a notebook" './install.sh run NOTEBOOK'
    need_build_tools
    fetch_crates
    build
    place_program
    exec "$program" run "$@"
}

# Looks for texts that make the kernel's parsers and decoders fail. What one run has
# learnt about them is where the next begins.
fuzz() {
    local host manifest=$repo/kernel/fuzz/Cargo.toml place=$target/fuzz status=0 name
    host=$(rustc -vV | sed -n 's/^host: //p')
    # The compiler's own coverage counters, which the stable toolchain has too. With
    # --target the flags are not for build scripts and macros.
    local flags='-Cpasses=sancov-module' option
    for option in level=4 inline-8bit-counters pc-table; do
        flags="$flags -Cllvm-args=-sanitizer-coverage-$option"
    done
    step "Building the fuzz targets (a few minutes, the first time)"
    # Not --locked: a new dependency of the kernel's is put into their Cargo.lock then.
    (cd "$repo" && cargo fetch --quiet --manifest-path "$manifest" --target "$host") >&2 ||
        die "the crates of the fuzz targets could not be downloaded" "look at the network connection, then run this again"
    (cd "$repo" && RUSTFLAGS=$flags CARGO_TARGET_DIR=$place cargo build --release --offline \
        --manifest-path "$manifest" --target "$host") >&2 || die "the fuzz targets could not be built, see above"
    for name in wire cell question; do
        local seeds=$repo/kernel/fuzz/seeds/$name seconds=${THREADBOOK_FUZZ_SECONDS:-60}
        # Questions are asked about cells.
        if [ $name = question ]; then seeds=$repo/kernel/fuzz/seeds/cell; fi
        mkdir -p "$place/corpus/$name" "$place/found"
        step "Fuzzing for $seconds s: $name"
        if THREADBOOK_FUZZ_LAST=$place/found/$name-last "$place/$host/release/$name" -max_total_time="$seconds" \
            -timeout=30 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$place/found/$name-" \
            "$place/corpus/$name" "$seeds" >"$place/$name.log" 2>&1; then
            note "$(grep -a 'INITED' "$place/$name.log" | tail -n 1)"
            note "$(grep -a 'DONE' "$place/$name.log" | tail -n 1)"
            rm -f "$place/found/$name-last"
        else
            tail -n 60 "$place/$name.log" >&2
            # A stack overflow leaves no file of the fuzzer's own.
            note "Found by $name: see $place/$name.log, and the texts in $place/found ($name-last is the last one tried)"
            status=1
        fi
    done
    return $status
}

# Runs threads of the prelude in every order that they can take. (With its own Cargo.lock:
# who only installs need not fetch the checker.)
check_orders() {
    step "Testing the orders of threads"
    (cd "$repo/tests/loom" && cargo fetch --quiet --locked) >&2 ||
        die "the crates for tests/loom could not be downloaded" "look at the network connection, then run this again"
    (cd "$repo/tests/loom" && CARGO_TARGET_DIR=$target/loom cargo test --locked --offline) >&2
}

command_test() {
    local arguments=() paths=0 soak=
    while [ $# -gt 0 ]; do
        case $1 in
            --soak) soak=yes ;;
            --engine | --engine=*)
                if [ "$1" = --engine ]; then shift; fi
                set_engine "${1-}"
                ;;
            *)
                arguments+=("$1")
                if [ -e "${1%%::*}" ]; then paths=1; fi
                ;;
        esac
        shift
    done
    if [ $paths -eq 0 ] && [ "$engine" = evcxr ]; then
        arguments+=("$repo/tests/test_conformance.py" "$repo/tests/test_engine_evcxr.py")
    elif [ $paths -eq 0 ]; then
        arguments+=("$repo/tests")
    fi
    need_build_tools python ${soak:+cpp}
    fetch_crates
    build

    step "Testing the Rust code"
    local rust=passed
    local features=()
    if [ "$engine" = evcxr ]; then features=(--features threadbook-kernel/evcxr); fi
    (cd "$repo" && CARGO_TARGET_DIR=$target cargo test --release --locked --offline --workspace --no-fail-fast \
        ${features[@]+"${features[@]}"}) >&2 || rust=failed
    if [ "$engine" = native ]; then check_orders || rust=failed; fi

    local venv=$target/test-venv
    if ! cmp -s "$repo/tests/requirements.txt" "$venv/installed.txt"; then
        step "Installing what the Python tests need into $venv"
        make_venv "$venv" -r "$repo/tests/requirements.txt"
        cp "$repo/tests/requirements.txt" "$venv/installed.txt"
    fi
    give_translator "$venv/bin/python" || die "pip could not install $repo/python" \
        "look at the network connection, then run this again"

    # A Jupyter of its own: the tests neither see nor touch the user's kernels.
    local place=$target/test-install
    rm -rf "$place/prefix" "$place/jupyter" "$place/ipython"
    mkdir -p "$place/jupyter"
    set_own_home "$place/home"
    export JUPYTER_PATH=$place/prefix/share/jupyter
    export JUPYTER_DATA_DIR=$place/jupyter/data JUPYTER_CONFIG_DIR=$place/jupyter/config IPYTHONDIR=$place/ipython
    export THREADBOOK_TEST_KERNEL=threadbook
    step "Installing the kernel for the tests into $place"
    place_program
    write_kernelspec "$program" install --prefix "$place/prefix"
    if [ "$engine" = evcxr ]; then
        build_engine_evcxr
        write_kernelspec "$evcxr_program" install --engine evcxr --prefix "$place/prefix"
        export THREADBOOK_TEST_ENGINE=evcxr THREADBOOK_TEST_KERNEL=threadbook-evcxr
    fi

    if ! have chromium && ! have chromium-browser && ! have google-chrome; then
        note "There is no Chromium on PATH: the tests in a browser are skipped."
    fi
    step "Testing the kernel from the outside"
    local outside=passed
    # As many files at a time as there are cores: most of the time a compiler works.
    PATH=$venv/bin:$PATH "$venv/bin/python" -m pytest -n auto --dist loadfile "${arguments[@]}" || outside=failed
    local fuzzing=passed long=passed
    if [ -n "$soak" ]; then
        fuzz || fuzzing=failed
        step "Running the long notebook"
        THREADBOOK_SOAK=1 PATH=$venv/bin:$PATH "$venv/bin/python" -m pytest -s -m soak "$repo/tests" || long=failed
        step "Fuzzing: $fuzzing; the long notebook: $long"
    fi
    step "Tests of the Rust code: $rust; tests from the outside: $outside"
    [ "$rust$outside$fuzzing$long" = passedpassedpassedpassed ]
}

command_uninstall() {
    local folder python
    # Another installation may have put its own kernelspec in a place since.
    if [ -f "$installed_list" ]; then
        while IFS= read -r folder; do
            if grep -qsF -e "\"$program\"" -e "\"$evcxr_program\"" "$folder/kernel.json"; then
                rm -rf -- "$folder"
                step "Removed the kernelspec $folder"
            fi
        done <"$installed_list"
    fi
    if [ -f "$papermill_list" ]; then
        while IFS= read -r python; do
            if [ "$python" != "$home/venv/bin/python" ] && [ -x "$python" ]; then
                "$python" -m pip uninstall --quiet --yes threadbook-papermill </dev/null >&2 || true
                step "Removed what papermill had of Threadbook's ($python)"
            fi
        done <"$papermill_list"
    fi
    local link=$HOME/.local/bin/threadbook
    if [ "$(readlink "$link" 2>/dev/null)" = "$program" ]; then
        rm -f -- "$link"
        step "Removed the link $link"
    fi
    for folder in "$data" "$cache"; do
        if [ -e "$folder/builds" ] || [ -e "$folder/history.jsonl" ]; then
            step "Removing the kernel's builds and history of cells in $folder"
        fi
        rm -rf -- "$folder/builds" "$folder/targets" "$folder/cells" "$folder/evcxr" "$folder/history.jsonl" \
            "$folder/lock"
        if [ "$folder" != "$home" ]; then rmdir "$folder" 2>/dev/null || true; fi
    done
    if [ -e "$program" ]; then
        # By name, in case THREADBOOK_HOME is a folder with other things in it.
        rm -rf -- "$program" "$program.new" "${evcxr_program%/*}" "$home/venv" "$installed_list" "$papermill_list"
        rmdir "$home/bin" "$home" 2>/dev/null || true
        step "Removed the program and its JupyterLab from $home"
    else
        step "There is no program of Threadbook's in $home"
    fi
    note "What stays: the build in $target, and Rust (\`rustup self uninstall\` removes it)."
}

main() {
    local command=${1:-help}
    if [ $# -gt 0 ]; then shift; fi
    case $command in
        install | lab | run | test | uninstall) "command_$command" "$@" ;;
        help | --help | -h) usage ;;
        *)
            usage >&2
            die "there is no command $command"
            ;;
    esac
}

main "$@"
