#!/usr/bin/env bash
# Build the sdist and, from it, the wheel; check both; install the wheel in an empty environment and run what it brings.
# Nothing of the repository is on the wheel's path. `.ci/package.sh [FOLDER]`: the folder keeps what was built.
set -euo pipefail
export LC_ALL=C
exec </dev/null
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-$([[ -x ${repository}/.venv/bin/python ]] && echo "${repository}/.venv/bin/python" || echo python3)}
tools=${repository}/.cache/release
scratch=$(mktemp -d)
trap 'rm -rf "${scratch}"' EXIT
built=$(realpath --canonicalize-missing "${1:-${scratch}/dist}")

say() { printf -- '-- %s\n' "$*"; }
fail() {
    echo "package: $*" >&2
    exit 1
}

# An environment from a lock, by uv where it is at hand, since it is many times faster.
locked() {
    local environment=$1 requirements=${repository}/requirements/$2.txt
    if [[ -x ${repository}/.venv/bin/uv ]]; then
        "${repository}/.venv/bin/uv" pip install --quiet --python "${environment}/bin/python" --require-hashes -r "${requirements}"
    else
        "${environment}/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "${requirements}"
    fi
}

prepare() {
    if [[ ! ${tools}/.ready -nt ${repository}/requirements/release.txt ]]; then
        say "tools, from requirements/release.txt"
        "${python}" -m venv --clear "${tools}"
        locked "${tools}" release
        touch "${tools}/.ready"
    fi
}

# With the time of the commit in it, so that the same commit gives the same bytes.
build() {
    say build
    [[ ! -d ${built} ]] || find "${built}" -maxdepth 1 -name 'sentinel_leakage-*' -delete
    SOURCE_DATE_EPOCH=$(git -C "${repository}" log -1 --format=%ct 2>/dev/null || date +%s)
    export SOURCE_DATE_EPOCH
    "${tools}/bin/python" -m build --no-isolation --outdir "${built}" "${repository}" >"${scratch}/build.log" 2>&1 || {
        cat "${scratch}/build.log" >&2
        fail "the build failed"
    }
    sdist=$(find "${built}" -name 'sentinel_leakage-*.tar.gz')
    wheel=$(find "${built}" -name 'sentinel_leakage-*.whl')
}

# A wheel of the right shape, metadata that an index takes, and a source archive that is the repository.
check() {
    say contents
    "${tools}/bin/twine" --no-color check --strict "${sdist}" "${wheel}"
    "${tools}/bin/check-wheel-contents" "${wheel}"
    if ! git -C "${repository}" rev-parse --git-dir >/dev/null 2>&1; then
        say "not a clone: the files of the sdist are not compared"
        return
    fi
    # A link to a folder becomes the folder's files, and PKG-INFO is the builder's.
    {
        git -C "${repository}" ls-files | grep -vx helm/sentinel/files/dashboards
        git -C "${repository}" ls-files dashboards | sed 's#^#helm/sentinel/files/#'
        echo PKG-INFO
    } | sort >"${scratch}/wanted"
    tar -tzf "${sdist}" | grep -v '/$' | sed 's#^[^/]*/##' | sort >"${scratch}/packed"
    diff "${scratch}/wanted" "${scratch}/packed" >"${scratch}/difference" || {
        cat "${scratch}/difference" >&2
        fail "the sdist is not what git tracks (<: missing, >: superfluous)"
    }
}

# What the lock holds is fetched; the wheel then has to be content with that, as no index is asked.
ours() { "${scratch}/empty/bin/pip" install --quiet --disable-pip-version-check --no-index "$1"; }

install() {
    say install
    "${python}" -m venv "${scratch}/empty"
    locked "${scratch}/empty" run
    ours "${wheel}"
    "${scratch}/empty/bin/pip" check
}

run() {
    say "run without extras"
    cd "${scratch}"
    local sentinel=(env -u PYTHONPATH "${scratch}/empty/bin/sentinel")
    "${sentinel[@]}" version
    cp "${repository}/configs/minimal.yaml" .
    "${sentinel[@]}" check-config minimal.yaml
    "${sentinel[@]}" rules --check "${repository}/deploy/prometheus/alerts.yaml"
    "${sentinel[@]}" dashboards --check "${repository}/dashboards"
    "${sentinel[@]}" schema config >schema.json
    "${sentinel[@]}" demo --exit --seconds 5 --listen 127.0.0.1:0 >demo.log 2>&1 && fail "the demonstration needs no extra any more"
    grep -F "pip install 'sentinel-leakage[simulation]'" demo.log

    say "run with the extra that the message names"
    locked "${scratch}/empty" demo
    ours "${wheel}[simulation]"
    "${sentinel[@]}" demo --exit --seconds 5 --listen 127.0.0.1:0 >demo.log 2>&1 || {
        cat demo.log >&2
        fail "the demonstration failed"
    }
    grep -E '^(Verdict: target_leakage|The planted truth: target_leakage)' demo.log
}

prepare
build
check
install
run
say "$(basename "${sdist}") and $(basename "${wheel}") are whole"
