#!/usr/bin/env bash
# fetch_kafkajs.sh DIRECTORY: installs kafkajs there through npm. Without npm or network it says so loudly and succeeds: its test then skips.
set -u
directory=$1
version=2.2.4
if [[ -e $directory/node_modules/kafkajs/package.json ]]; then exit 0; fi
if ! command -v npm >/dev/null; then
  echo "SKIPPED: no npm, so kafkajs is not tested"
  exit 0
fi
mkdir -p "$directory"
npm install --prefix "$directory" --no-audit --no-fund --no-save --silent "kafkajs@$version" >"$directory/npm.log" 2>&1 ||
  echo "SKIPPED: npm could not fetch kafkajs (see $directory/npm.log), so it is not tested"
exit 0
