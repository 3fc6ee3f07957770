# shellcheck shell=bash
# Sourced by setup.sh: which packages of the system are missing, and how to get them. What counts is
# that a tool runs or a header is found, not that a package is installed: a library from elsewhere
# (CPATH, /usr/local) will do.

have() { command -v "$1" >/dev/null 2>&1; }

# at_least WANTED VERSION: compares dotted numbers.
at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

cmake_version() { cmake --version 2>/dev/null | sed -n 's/^cmake version \([0-9.]*\).*/\1/p'; }

# finds COMPILER HEADER [OPTION...]
finds() { "$1" -x c++ -E "${@:3}" - <<<"#include <$2>" >/dev/null 2>&1; }

# The packages of the libraries whose header the compiler does not find: all in one go, because this
# runs before every measurement.
missing_libraries() {
  local -A headers=(
    ['libbenchmark-dev']=benchmark/benchmark.h ['libcli11-dev']=CLI/CLI.hpp ['libfmt-dev']=fmt/core.h
    ['libgmock-dev']=gmock/gmock.h ['libgtest-dev']=gtest/gtest.h ['libhwloc-dev']=hwloc.h
    ['libre2-dev']=re2/re2.h ['libtbb-dev']=tbb/version.h ['nlohmann-json3-dev']=nlohmann/json.hpp
  )
  local package
  if ! have "${CXX:-c++}"; then
    printf '%s\n' "${!headers[@]}"
    return
  fi
  for package in "${!headers[@]}"; do
    printf '#if !__has_include(<%s>)\nmissing %s\n#endif\n' "${headers[$package]}" "$package"
  done | "${CXX:-c++}" -x c++ -std=c++20 -E -P - | sed -n 's/^missing //p'
}

missing_compiler() {
  if ! have "${CXX:-c++}"; then
    echo g++
  elif ! finds "${CXX:-c++}" omp.h -fopenmp; then
    # Only clang comes without OpenMP.
    echo libomp-dev
  fi
}

# The sanitizers' and the fuzzer's runtime is a package of clang's own major version.
missing_clang() {
  local major
  have clang++ && finds clang++ omp.h -fopenmp || echo libomp-dev
  if have clang++; then
    [[ -f $(clang++ -print-file-name=libclang_rt.fuzzer-x86_64.a) ||
    -f $(clang++ -print-runtime-dir)/libclang_rt.fuzzer-$(uname -m).a ||
    -f $(clang++ -print-runtime-dir)/libclang_rt.fuzzer.a ]] && return
    major=$(clang++ -dumpversion)
    echo "libclang-rt-${major%%.*}-dev"
  else
    echo clang
    major=$(apt-cache policy clang 2>/dev/null | sed -n 's/^ *Candidate: 1:\([0-9]*\).*/\1/p')
    [[ -z $major ]] || echo "libclang-rt-$major-dev"
  fi
}

# A browser and its driver, for the report's own tests. Ubuntu's chromium package is a snap, which a
# container cannot install; there Selenium fetches a browser itself, which needs these libraries.
missing_browser() {
  local library
  have chromedriver && { have chromium || have google-chrome; } && return
  if [[ $(system_id) != *ubuntu* ]]; then
    printf '%s\n' chromium chromium-driver
    return
  fi
  local -A libraries=(
    [libnss3]=libnss3.so [libgbm1]=libgbm.so.1 [libasound2t64]=libasound.so.2
    ['libatk-bridge2.0-0t64']=libatk-bridge-2.0.so.0 [libcups2t64]=libcups.so.2
    [libxkbcommon0]=libxkbcommon.so.0 [libxcomposite1]=libXcomposite.so.1
    [libxdamage1]=libXdamage.so.1 [libxrandr2]=libXrandr.so.2 ['libpango-1.0-0']=libpango-1.0.so.0
    [libcairo2]=libcairo.so.2
  )
  for library in "${!libraries[@]}"; do
    ldconfig -p | grep -qF "${libraries[$library]}" || echo "$library"
  done
}

# missing_packages GROUP...: Debian's names of the packages that are missing.
missing_packages() {
  local group
  for group; do
    case $group in
      build)
        at_least 3.25 "$(cmake_version)" || echo cmake
        have ninja || echo ninja-build
        have git || echo git
        have pkg-config || echo pkg-config
        missing_compiler
        # Building hwloc takes make.
        if [[ ${CROSSOVER_DOWNLOAD:-} != 1 ]]; then missing_libraries; else have make || echo make; fi
        ;;
      python)
        have python3 || echo python3
        python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
        ;;
      clang) missing_clang ;;
      tidy) have clang-tidy || echo clang-tidy ;;
      package)
        if have dpkg; then
          have dpkg-shlibdeps || echo dpkg-dev
          have file || echo file
        fi
        ;;
      format) have shellcheck || echo shellcheck ;;
      browser) missing_browser ;;
      mpi) have mpirun && have mpicxx || printf '%s\n' libopenmpi-dev openmpi-bin ;;
    esac
  done | sort -u
}

# "debian", "ubuntu debian", "fedora", … : what the system is, then what it resembles.
system_id() {
  (
    ID='' ID_LIKE=''
    # shellcheck disable=SC1091
    [[ ! -r /etc/os-release ]] || source /etc/os-release
    echo "$ID $ID_LIKE"
  )
}

# Translates Debian's names (on standard input) into those of the package manager $1.
translated() {
  local names
  names=$(
    case $1 in
      dnf)
        echo g++ gcc-c++ pkg-config pkgconf libbenchmark-dev google-benchmark-devel libcli11-dev \
          cli11-devel libfmt-dev fmt-devel libgmock-dev gmock-devel libgtest-dev gtest-devel \
          libhwloc-dev hwloc-devel libre2-dev re2-devel libtbb-dev tbb-devel nlohmann-json3-dev json-devel \
          python3-venv python3 libomp-dev libomp-devel shellcheck ShellCheck \
          clang-tidy clang-tools-extra \
          chromium-driver chromedriver libopenmpi-dev openmpi-devel openmpi-bin openmpi
        ;;
      pacman)
        echo ninja-build ninja g++ gcc pkg-config pkgconf libbenchmark-dev benchmark libcli11-dev \
          cli11 libfmt-dev fmt libgmock-dev gtest libgtest-dev gtest libhwloc-dev hwloc libre2-dev re2 \
          libtbb-dev onetbb nlohmann-json3-dev nlohmann-json python3 python python3-venv python \
          libomp-dev openmp clang-tidy clang chromium-driver chromium libopenmpi-dev openmpi openmpi-bin openmpi
        ;;
    esac
  )
  awk -v names="$names" 'BEGIN { n = split(names, part, " ")
                                 for (i = 1; i < n; i += 2) name[part[i]] = part[i + 1] }
                         { print ($1 in name) ? name[$1] : $1 }' | sort -u
}

# install_command PACKAGE...: the one command that installs them here, or nothing where none is known.
install_command() {
  local manager
  if [[ $(system_id) =~ debian|ubuntu ]]; then
    echo "sudo apt-get update && sudo apt-get install -y $*"
    return
  fi
  for manager in dnf pacman; do
    if have "$manager"; then
      case $manager in dnf) manager+=" install -y" ;; pacman) manager+=" -S --needed" ;; esac
      echo "sudo $manager $(printf '%s\n' "$@" | translated "${manager%% *}" | paste -sd ' ')"
      return
    fi
  done
}

# ensure_packages GROUP...: installs what is missing, or says with which command to.
ensure_packages() {
  local missing before='' command as_root=()
  while mapfile -t missing < <(missing_packages "$@") && ((${#missing[@]} > 0)); do
    command=$(install_command "${missing[@]}")
    if [[ $EUID != 0 ]]; then as_root=(sudo -n); fi
    if [[ -z $command ]]; then
      refuse "Missing here (by Debian's names): ${missing[*]}" \
        "Install them with this system's package manager, then run this again."
    elif [[ $command != *apt-get* ]] || ! have apt-get ||
      { ((${#as_root[@]} > 0)) && ! sudo -n true 2>/dev/null; }; then
      [[ $(printf '%s\n' "${missing[@]}") != *lib*-dev* || -n ${CROSSOVER_DOWNLOAD:-} ]] ||
        say "Libraries can be downloaded and built in build/ instead: set CROSSOVER_DOWNLOAD=1."
      refuse "Something is missing, and installing it takes root. Run this, then try again:" "$command"
    elif [[ "${missing[*]}" == "$before" ]]; then
      unmet "${missing[@]}"
    fi
    before=${missing[*]}
    apt_get "${missing[@]}"
  done
}

# Ends the script: these packages were installed and yet do not do.
unmet() {
  [[ " $* " != *' cmake '* ]] ||
    refuse "CMake 3.25 or newer is needed and this system has $(cmake_version). Run this, then try again:" \
      "python3 -m pip install --user 'cmake>=3.25'"
  refuse "Installed, but still not found by ${CXX:-c++} or on the PATH: $*"
}

apt_get() {
  local options=(-q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
  # The lists that came with an image may be old or absent; where there is no network, they may do.
  quietly "Looking up packages" "${as_root[@]}" apt-get update "${options[@]}" || true
  quietly "Installing $*" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${options[@]}" "$@" ||
    refuse "Run this, then try again:" "$(install_command "$@")"
}
