# SPDX-License-Identifier: MIT
# What ./run, ./test and .ci/run share. Sourced by them, with `root` set to the project's folder.

packages_file=$root/tools/packages
release=$root/build/release

# What one clone compiled, another takes from the cache: paths are told relative to the clone.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=yes

say() { printf '%s\n' "$*" >&2; }

has() { command -v "$1" > /dev/null; }

fail() {
    say "error: $*"
    exit 1
}

# need_packages KIND...: installs the Debian packages of these kinds that are missing. The list that was last
# found complete is kept under build/, so that a machine that has everything is asked nothing again.
need_packages() {
    local wanted="$*" kind package why missing=() listed=()
    local stamp="$root/build/packages-${wanted// /+}"
    if [[ -e $stamp && ! $packages_file -nt $stamp ]] && has cmake && has ninja && has g++; then
        return
    fi
    while read -r kind package why; do
        if [[ " $wanted " == *" $kind "* && " ${listed[*]} " != *" $package "* ]]; then
            listed+=("$package")
        fi
    done < "$packages_file"
    if ! has dpkg-query || ! has apt-get; then
        say "This is not a Debian system, so nothing is installed here. aperto needs the equivalents of:"
        say "  ${listed[*]}"
        return
    fi
    local installed
    installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${listed[@]}" 2> /dev/null || true)
    for package in "${listed[@]}"; do
        if [[ $'\n'$installed$'\n' != *$'\n'"$package installed"$'\n'* ]]; then
            missing+=("$package")
        fi
    done
    if ((${#missing[@]})); then
        install_packages "${missing[@]}"
    fi
    mkdir -p "$root/build"
    : > "$stamp"
}

install_packages() {
    local package why sudo=()
    say "aperto needs $# Debian packages that are not on this machine:"
    for package in "$@"; do
        why=$(sed -n "/^[a-z]*  *$package  */{s///p;q}" "$packages_file")
        printf '  %-21s %s\n' "$package" "$why" >&2
    done
    if ((EUID != 0)); then
        has sudo || fail "installing needs root and there is no sudo here. As root, run:
       apt-get update && apt-get install --no-install-recommends $*"
        sudo=(sudo)
        say "Installing them with apt-get, through sudo, because only root may install packages…"
    else
        say "Installing them with apt-get…"
    fi
    local log=$root/build/packages.log
    mkdir -p "$root/build"
    local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    local status=0
    keep_services_still "$@"
    { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "$@"; } > "$log" 2>&1 < /dev/null || status=$?
    release_services "$@"
    if ((status != 0)); then
        tail -n 20 "$log" >&2
        fail "apt-get could not install them (all of its output: $log)"
    fi
}

# Servers are installed for the tests to run: none becomes a service of this machine, now or at its next start.
# Uses the caller's `sudo`, as the function below does. A policy that is there already is left alone.
services_policy=/usr/sbin/policy-rc.d
services_mark='# of aperto, for as long as it installs packages'

keep_services_still() {
    if [[ " $* " =~ \ (haproxy|mosquitto|nginx|postfix|postgresql|prometheus|redis-server)\  && ! -e $services_policy ]]; then
        printf '#!/bin/sh\n%s\nexit 101\n' "$services_mark" | "${sudo[@]}" tee "$services_policy" > /dev/null
        "${sudo[@]}" chmod 755 "$services_policy"
        trap 'release_services' EXIT
    fi
}

release_services() {
    local package
    if grep -qsF "$services_mark" "$services_policy"; then
        "${sudo[@]}" rm -f "$services_policy"
        trap - EXIT
    fi
    for package in "$@"; do
        if [[ $package == @(haproxy|mosquitto|nginx|postfix|postgresql|prometheus|redis-server) ]] && has systemctl; then
            "${sudo[@]}" systemctl --quiet disable "$package" > /dev/null 2>&1 || true
        fi
    done
}

# configure PRESET [-DNAME=VALUE...]: plans the build, quietly.
configure() {
    local preset=$1 log=$root/build/$1-configure.log
    shift
    mkdir -p "$root/build"
    if ! (cd "$root" && cmake --preset "$preset" "$@") > "$log" 2>&1; then
        cat "$log" >&2
        fail "the build could not be planned (see above)"
    fi
}

# build PRESET TARGET...: builds, showing one line of progress when there is something to build, and the
# compiler's own words when it fails.
build() {
    local preset=$1 log=$root/build/$1-build.log line shown='' status=0
    shift
    NINJA_STATUS='[%f/%t] ' ninja -C "$root/build/$preset" "$@" 2>&1 | {
        while IFS= read -r line; do
            printf '%s\n' "$line"
            if [[ $line == '['*'] '*ing* && $line != *'Re-checking globbed'* ]]; then
                if [[ -z $shown ]]; then
                    say "building… (all of it takes about ${build_minutes:-3} minutes on two cores)"
                    shown=yes
                elif [[ -t 2 ]]; then
                    printf '\r%s\e[K' "${line%%]*}]" >&2
                fi
            fi
        done > "$log"
        if [[ -n $shown && -t 2 ]]; then
            printf '\r\e[K' >&2
        fi
    } || status=$?
    if ((status != 0)); then
        grep -v '^\[[0-9]*/[0-9]*\] [BL]' "$log" >&2 || true
        say "error: the build failed (see above; all of its output: $log)"
        return "$status"
    fi
}
