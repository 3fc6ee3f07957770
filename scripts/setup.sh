# shellcheck shell=bash
# Sourced by the scripts beside it: what they need before they can start. Every function is quick
# when there is nothing to do, says one line for each thing it does (on standard error), keeps the
# details in $setup_log, and ends the script with status 3 where it cannot go on.
#
#   ensure_packages GROUP...    the system's packages: build, python, clang, format, tidy,
#                               browser, mpi, package
#   ensure_build PRESET FOLDER TARGET [CMAKE_OPTION...]
#   ensure_python               sets CROSSOVER_PYTHON
#   ensure_python_tests         likewise, with what the tests and scripts/format need

project_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
source "$project_root/scripts/packages.sh"

say() { printf '%s\n' "$*" >&2; }

refuse() {
  printf '%s\n' "$@" >&2
  exit 3
}

# What is made lies in the checkout; where the readers are installed, in their user's cache.
in_checkout() { [[ -f $project_root/CMakeLists.txt ]]; }
made=$project_root/build
if ! in_checkout; then
  made=${XDG_CACHE_HOME:-}
  [[ $made == /* ]] || made=${HOME:-}/.cache
  [[ $made == /?*/* || -n ${XDG_CACHE_HOME:-} ]] ||
    refuse "The readers keep their Python packages in the user's cache: set HOME or XDG_CACHE_HOME."
  made+=/crossover
  # What Python compiles is not left among the installed files.
  export PYTHONPYCACHEPREFIX=$made/compiled
fi
setup_log=$made/setup.log

# quietly WHAT COMMAND...: says WHAT and runs COMMAND with its output in the log; should it fail,
# shows the end of that output and returns its status. A script that has a function explain_failure
# has that read the output first.
quietly() {
  local what=$1 status=0 start
  shift
  say "$what"
  if ! { mkdir -p -- "${setup_log%/*}" && printf '\n== %s\n%s\n' "$what" "$*" >>"$setup_log"; }; then
    refuse "$setup_log cannot be written: the set-up needs a checkout that it can write to."
  fi
  start=$(wc -l <"$setup_log")
  "$@" >>"$setup_log" 2>&1 </dev/null || status=$?
  # What root has set up is its owner's, who goes on with it.
  if ((EUID == 0)) && in_checkout; then chown -R --reference="$project_root" -- "${setup_log%/*}"; fi
  if ((status != 0)); then
    if declare -F explain_failure >/dev/null; then
      explain_failure < <(tail -n "+$((start + 1))" "$setup_log")
    fi
    tail -n "+$((start + 1))" "$setup_log" | tail -n 40 >&2
    say "Failed with status $status: $what (the whole output: $setup_log)"
  fi
  return "$status"
}

# take_turn LOCK WHAT: waits until no other process holds the lock of the descriptor LOCK. Where the
# file system knows no locks, nobody waits.
take_turn() {
  local status=0
  flock --nonblock "$1" 2>/dev/null || status=$?
  if ((status == 1)); then
    say "Waiting for $2"
    flock "$1"
  fi
}

# ensure_build PRESET FOLDER TARGET [CMAKE_OPTION...]: configures FOLDER (relative to the project)
# when it never was, or not like this, and builds TARGET. What a folder was configured with by hand
# stays, except where an option contradicts it.
ensure_build() {
  local preset=$1 folder=$project_root/$2 name=$2 target=$3 wanted stamp fresh=() log_start lock
  shift 3
  # A second call meanwhile, in another terminal, waits: two would write the same files.
  mkdir -p -- "$folder" && exec {lock}>"$folder/lock" || exit 3
  take_turn "$lock" "$name/, which another process builds"
  stamp=$folder/configured
  wanted=$(printf '%s\n' "$project_root" "$preset" "$(command -v nvcc || true)" \
    "$(command -v mpicxx || true)" "$@" &&
    cat "$project_root/CMakePresets.json")
  if [[ ! -f $folder/build.ninja || ! -f $stamp || $(<"$stamp") != "$wanted" ]]; then
    # CMake refuses a cache that came from another path or another generator.
    if [[ -f $folder/CMakeCache.txt ]] &&
      ! { grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$project_root" "$folder/CMakeCache.txt" &&
        grep -qxF "CMAKE_GENERATOR:INTERNAL=Ninja" "$folder/CMakeCache.txt"; }; then
      fresh=(--fresh)
    fi
    log_start=$(wc -l 2>/dev/null <"$setup_log" || echo 0)
    quietly "Configuring $name/" cmake -S "$project_root" --preset "$preset" -B "$folder" \
      "${fresh[@]}" "$@" {lock}>&- || exit 3
    tail -n "+$((log_start + 1))" "$setup_log" | sed -n 's/^-- \(CUDA\|MPI\)/\1/p' >&2
    printf '%s\n' "$wanted" >"$stamp"
  fi
  # Without this look, every call would announce a build that has nothing to do.
  if ! ninja -C "$folder" -n "$target" 2>/dev/null | grep -q '^ninja: no work to do'; then
    # A compiler's server, should one start, is not to hold the lock.
    quietly "Building in $name/" cmake --build "$folder" --target "$target" {lock}>&- || exit 3
  fi
  exec {lock}>&-
}

# ensure_python: sets CROSSOVER_PYTHON to a Python that has scripts/requirements.txt, in an environment
# under $made, which is made on the first call and remade when the requirements change. Needs neither a
# compiler nor CMake.
ensure_python() {
  local venv=$made/venv requirements=$project_root/scripts/requirements.txt lock missing
  # A home may be seen by machines of other kinds, and by other versions of this.
  in_checkout || venv+=-$(uname -m)-$(python3 -V 2>&1 | cksum | cut -d ' ' -f 1)-$(cksum <"$requirements" | cut -d ' ' -f 1)
  CROSSOVER_PYTHON=$venv/bin/python
  if venv_has "$requirements"; then return; fi
  if ! in_checkout && missing=$(missing_packages python | paste -sd ' ') && [[ -n $missing ]]; then
    # Reading a file is no reason to install packages.
    # shellcheck disable=SC2086
    refuse "Something is missing. Run this, then try again:" "$(install_command $missing)"
  fi
  ensure_packages python
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    refuse "Python 3.11 or newer is needed; python3 is $(python3 --version 2>&1)."
  # A second call meanwhile waits: making an environment empties it.
  { mkdir -p -- "$made" && exec {lock}>"$made/venv.lock"; } 2>/dev/null ||
    refuse "$made cannot be written to: the set-up needs a folder for what it makes."
  take_turn "$lock" "the Python packages, which another process installs"
  if ! venv_has "$requirements" && ! venv_was_filled "$requirements"; then
    # Making it anew would empty what the link points at.
    [[ ! -L $venv ]] || refuse "$venv is a link, perhaps to somebody else's environment: remove it."
    quietly "Making a Python environment in ${venv#"$project_root/"}" python3 -m venv --clear "$venv" || exit 3
    venv_install "Installing the Python packages of the report" "$requirements"
  fi
  exec {lock}>&-
}

# ensure_python_tests: the same, with scripts/requirements-test.txt.
ensure_python_tests() {
  local requirements=$project_root/scripts/requirements-test.txt
  ensure_python
  venv_has "$requirements" ||
    venv_install "Installing the Python packages of the tests" "$requirements"
}

# The stamp holds the environment's path as well: an environment that was moved does not work.
venv_stamp() { printf '%s\n' "$CROSSOVER_PYTHON" && cat -- "$1"; }

venv_has() {
  local stamp=${CROSSOVER_PYTHON%/bin/python}/${1##*/}.installed
  [[ -x $CROSSOVER_PYTHON && -f $stamp && $(<"$stamp") == "$(venv_stamp "$1")" ]]
}

# Whether somebody has done what venv_install() asks for where there is no network.
venv_was_filled() {
  [[ -x $CROSSOVER_PYTHON ]] &&
    "$CROSSOVER_PYTHON" -m pip install --quiet --disable-pip-version-check --no-input --no-index -r "$1" \
      >/dev/null 2>&1 || return
  venv_stamp "$1" >"${CROSSOVER_PYTHON%/bin/python}/${1##*/}.installed"
}

venv_install() {
  quietly "$1" "$CROSSOVER_PYTHON" -m pip install --disable-pip-version-check --no-input -r "$2" ||
    refuse "Python packages come from PyPI: is there a network? Otherwise run:" \
      "$CROSSOVER_PYTHON -m pip install -r $2"
  venv_stamp "$2" >"${CROSSOVER_PYTHON%/bin/python}/${2##*/}.installed"
}
