#!/usr/bin/env bash
# A part of the tests as somebody else starts them: behind `nohup … &`, in folders with spaces and umlauts, on a CI, on a narrow
# terminal that takes colours but no UTF-8, without a home, and without the rights of root. Argument: the Python to use.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
scratch=$(mktemp -d)
trap 'chmod -R u+rwX "$scratch"; rm -rf "$scratch"' EXIT
copy="$scratch/ein Ordner für Tests/icmsg"
mkdir -p "$copy" "$scratch/noch ein Ordner"
git -C "$root" checkout-index --all --prefix="$copy/"

plain=()
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
  plain=(setpriv --bounding-set=-all --inh-caps=-all)
fi
trap '' INT
cd "$copy"
env -u HOME -u LANG -u LC_ALL CI=true COLUMNS=40 FORCE_COLOR=1 PYTHONIOENCODING=ascii PYTHONPATH="$copy" \
  TMPDIR="$scratch/noch ein Ordner" "${plain[@]}" "$python" -m pytest -q -n auto -p no:cacheprovider "$@"
