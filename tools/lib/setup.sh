# Sourced by tools/quickstart and tools/test: installs Debian packages and configures build directories.
# Everything is idempotent, and quiet unless it fails.

# The tools of Debian come before any others on the path: Meson and python3-kafka belong to /usr/bin/python3.
export PATH="/usr/bin:/bin:/usr/sbin:/sbin:$PATH"
export LC_ALL=C.UTF-8

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*"; }

# quietly LOG COMMAND...: runs COMMAND with its output in LOG; on failure shows the end of it.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1; then
    say "failed: $*" >&2
    tail -n "${SQUALL_LOG_LINES:-40}" "$log" >&2
    return 1
  fi
}

# missing_packages GROUP...: the packages of tools/packages.txt in these groups that are not there, one a line.
missing_packages() {
  local package group command rest
  while read -r package group command rest; do
    [[ -z $package || $package == \#* ]] && continue
    [[ " $* " == *" $group "* ]] || continue
    [[ $command != - ]] && command -v "$command" >/dev/null && continue
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || say "$package"
  done <"$top/tools/packages.txt"
}

# install_packages GROUP...: installs what is missing; does not touch apt when nothing is.
install_packages() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -eq 0 ]] && return 0
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null || { say "need root or sudo to install: ${missing[*]}" >&2; return 1; }
    as_root=(sudo)
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  quietly "$top/build-logs/apt-update.log" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q || return 1
  quietly "$top/build-logs/apt-install.log" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# configure DIR COMPILER OPTION...: a Meson build directory; COMPILER is gcc or clang. Does nothing if DIR is configured.
configure() {
  local dir=$1 compiler=$2 cache=()
  shift 2
  [[ -f $top/$dir/build.ninja ]] && return 0
  command -v ccache >/dev/null && cache=(ccache)
  case $compiler in
    gcc) local cc="${cache[*]} gcc" cxx="${cache[*]} g++" ;;
    clang) local cc="${cache[*]} clang-19" cxx="${cache[*]} clang++-19" ;;
  esac
  # A directory left by a set-up that failed half-way holds nothing worth keeping.
  rm -rf "${top:?}/$dir"
  CC="${cc# }" CXX="${cxx# }" quietly "$top/build-logs/$dir-setup.log" meson setup "$top/$dir" "$top" "$@"
}

# compile DIR TARGET...: builds TARGETs (all if none is named).
compile() {
  local dir=$1
  shift
  quietly "$top/build-logs/$dir-compile.log" ninja -C "$top/$dir" "$@"
}
