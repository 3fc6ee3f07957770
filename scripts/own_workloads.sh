# shellcheck shell=bash
# Sourced by scripts/run: workloads of the user's own (docs/own-workload.md). What is wrong with a
# file ends the script with status 2 and one line that says what would be right.
#
#   check_own_files FILE...     what can be told without a compiler; sets own_files, own_folder
#   check_own_workloads         what a compiler tells within seconds
#   explain_failure             called by quietly() where a build fails

: "${project_root:?is set by setup.sh}"
own_files=() own_types=() own_folder=

wrong_file() {
  say "scripts/run: --with: $*"
  exit 2
}

# type_name FILE: my-axpy.hpp has MyAxpy. common/workloads/list.cmake says the same to CMake.
type_name() {
  local stem=${1##*/} word
  for word in $(tr -- '-_' '  ' <<<"${stem%.hpp}"); do printf '%s' "${word^}"; done
}

check_own_files() {
  local file path type
  for file; do
    [[ $file == *.hpp ]] || wrong_file "'$file' is no .hpp file; docs/own-workload.md shows one."
    [[ -f $file ]] || wrong_file "there is no file '$file'."
    path=$(realpath -- "$file")
    [[ ${path##*/} =~ ^[A-Za-z][A-Za-z0-9_-]*\.hpp$ ]] ||
      wrong_file "'$file' gives its type no name: a letter first, then letters, digits, - and _."
    [[ $path != *[\;\"\\]* ]] || wrong_file "the path of '$file' has one of ; \" \\ in it."
    type=$(type_name "$path")
    grep -Eq "(struct|class)[[:space:]]+$type([^A-Za-z0-9_]|$)" -- "$path" ||
      wrong_file "$file has no 'struct $type': a workload's type has its file's name in PascalCase."
    [[ " ${own_types[*]} " != *" $type "* ]] || wrong_file "two files have a type $type."
    own_files+=("$path")
    own_types+=("$type")
  done
  own_folder=build-with-$(printf '%s\n' "${own_files[@]}" | sha256sum | cut -c 1-8)
}

check_own_workloads() {
  local i source=$project_root/$own_folder/check.cpp
  mkdir -p -- "${source%/*}"
  for i in "${!own_files[@]}"; do
    printf '%s\n' '#include "common/workloads/compiled_element.hpp"' \
      "#include \"${own_files[i]}\"" \
      "static_assert(crossover::check_workload<::${own_types[i]}>());" \
      "template struct crossover::CompiledElement<::${own_types[i]}>;" >"$source"
    quietly "Checking ${own_files[i]##*/}" "${CXX:-c++}" -std=c++20 -fsyntax-only -Wno-psabi \
      -I "$project_root" "$source" || exit 3
  done
}

# explain_failure: of a compiler's output on standard input, the one line that a user can act on: a
# static_assert's sentence, else the first error in one of the files. Returns where there is neither.
explain_failure() {
  local output sentence i
  output=$(cat)
  sentence=$(sed -n "s/.*static assertion failed\( due to requirement '.*'\)\?: *//p" <<<"$output" |
    head -n 1)
  for i in "${!own_files[@]}"; do
    # With several files, the one that the compiler was at.
    grep -qF -e "${own_files[i]}" -e "${own_types[i]}" <<<"$output" || continue
    if [[ -n $sentence ]]; then wrong_file "${own_files[i]##*/}: $sentence"; fi
    sentence=$(awk -v file="${own_files[i]}" 'index($0, file) == 1 && /[:)] (fatal )?error/ {
      print substr($0, length(file) + 1); exit }' <<<"$output")
    # A number that does not suit a vector register.
    if [[ $sentence == *scalar*vector* || $sentence == *operands*vector* ]]; then
      sentence+="; write constants as crossover::Lane<V>(2.5)"
    fi
    if [[ -n $sentence ]]; then wrong_file "${own_files[i]##*/}$sentence"; fi
    if grep -q "check\.cpp.*error" <<<"$output"; then
      wrong_file "${own_files[i]##*/}: 'struct ${own_types[i]}' stands in a namespace; it must" \
        "stand outside of any."
    fi
  done
}
