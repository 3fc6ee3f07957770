# shellcheck shell=bash
# Sourced by scripts/run: a series of runs, FILE-1.csv to FILE-N.csv. What cannot be repeated ends
# the script with status 2 and one line.
#
#   check_repeat N OPTION...   whether a run with these options can be repeated
#   name_series N OPTION...    sets series, the runs' CSVs, none of which exists, and arguments, the
#                              options without --output

wrong_repeat() {
  say "scripts/run: --repeat: $*"
  exit 2
}

check_repeat() {
  local count=$1 option
  shift
  [[ $count =~ ^[1-9][0-9]?$ ]] ||
    wrong_repeat "'$count' is no number of runs from 1 to 99; for example --repeat 5."
  for option; do
    case $option in
      -h | --help | --version | --list | --machine)
        wrong_repeat "$option measures nothing; leave one of the two out."
        ;;
      --resume | --resume=*)
        wrong_repeat "--resume goes on with one run; leave one of the two out."
        ;;
    esac
  done
}

# All runs of a series have the time at which it starts in their names.
name_series() {
  local count=$1 output='' node label time stem i
  shift
  node=$(uname -n)
  node=${node%%.*}
  label=$node
  time=$(date -u +%Y-%m-%dT%H%M%SZ)
  arguments=()
  while (($# > 0)); do
    case $1 in
      --output=*) output=${1#--output=} ;;
      --output)
        (($# > 1)) || wrong_repeat "--output lacks its value, for example --output results/mine.csv."
        output=$2
        shift
        ;;
      *)
        if [[ $1 == --label=* ]]; then label=${1#--label=}; fi
        if [[ $1 == --label ]]; then label=${2-}; fi
        arguments+=("$1")
        ;;
    esac
    shift
  done
  if [[ -z $output ]]; then
    output=results/$label-$time.csv
  elif [[ -d $output || $output == */ ]]; then
    output=${output%/}/$label-$time.csv
  fi
  output=${output//'{time}'/"$time"}
  output=${output//'{node}'/"$node"}
  output=${output//'{label}'/"$label"}
  stem=${output%.csv}
  for ((i = 1; i <= count; ++i)); do
    series+=("$stem-$i${output#"$stem"}")
    [[ ! -e ${series[-1]} ]] ||
      wrong_repeat "${series[-1]} is there already; give another --output."
  done
}
