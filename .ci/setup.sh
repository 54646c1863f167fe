#!/usr/bin/env bash
# Install what the tests need besides Python packages: Prometheus, Alertmanager, Java, Maven, Kafka's jars, Helm,
# Kustomize, a browser with an accessibility checker, the schemas of the operators whose resources the chart makes, and
# the linter of the workflows. Safe to run again: only what is missing is installed. Starts no service. Needs root, or
# sudo without a password, only if something is missing.
set -euo pipefail

# renovate: go github.com/rhysd/actionlint
readonly ACTIONLINT_VERSION=v1.7.12
# renovate: go helm.sh/helm/v3
readonly HELM_VERSION=v3.22.0
# renovate: go sigs.k8s.io/kustomize/kustomize/v5
readonly KUSTOMIZE_VERSION=v5.7.1
# renovate: npm axe-core
readonly AXE_VERSION=4.14.1
readonly POLICY=/usr/sbin/policy-rc.d
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

missing_packages() {
    command -v prometheus >/dev/null && command -v promtool >/dev/null || echo prometheus
    command -v prometheus-alertmanager >/dev/null && command -v amtool >/dev/null || echo prometheus-alertmanager
    command -v chromium >/dev/null || echo chromium
    command -v java >/dev/null || echo default-jre-headless
    command -v mvn >/dev/null || echo maven
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo --non-interactive "$@"; fi
}

install_packages() {
    if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
        echo "setup: missing $*: install them (this needs root and apt-get)" >&2
        return 1
    fi
    # Debian starts a service when it installs one, unless this file answers 101.
    if [[ ! -e ${POLICY} ]]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "${POLICY}" >/dev/null
        as_root chmod 755 "${POLICY}"
        trap 'as_root rm -f "${POLICY}"' EXIT
    fi
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# The real Helm engine, built by Go where Go is there; the chart's rendering tests say so when they skip without it.
install_helm() {
    if command -v helm >/dev/null || [[ -x ${repository}/.cache/bin/helm ]] || ! command -v go >/dev/null; then
        return
    fi
    echo "setup: building Helm ${HELM_VERSION} (a few minutes, once)"
    GOBIN=${repository}/.cache/bin go install "helm.sh/helm/v3/cmd/helm@${HELM_VERSION}"
}

# The schemas of the operators whose custom resources the chart makes, where npm is there.
install_custom_resources() {
    local source=${repository}/tests/helm/custom_resources target=${repository}/.cache/custom-resources
    if ! command -v npm >/dev/null || cmp -s "${source}/package-lock.json" "${target}/node_modules/.locked"; then
        return
    fi
    mkdir -p "${target}"
    cp "${source}/package.json" "${source}/package-lock.json" "${target}/"
    npm ci --prefix "${target}" --ignore-scripts --no-audit --no-fund --silent
    cp "${source}/package-lock.json" "${target}/node_modules/.locked"
}

install_kustomize() {
    if command -v kubectl >/dev/null || [[ -x ${repository}/.cache/bin/kustomize ]] || ! command -v go >/dev/null; then
        return
    fi
    echo "setup: building kustomize ${KUSTOMIZE_VERSION} (a minute, once)"
    GOBIN=${repository}/.cache/bin go install "sigs.k8s.io/kustomize/kustomize/v5@${KUSTOMIZE_VERSION}"
}

install_actionlint() {
    if command -v actionlint >/dev/null || [[ -x ${repository}/.cache/bin/actionlint ]] || ! command -v go >/dev/null; then
        return
    fi
    echo "setup: building actionlint ${ACTIONLINT_VERSION} (seconds, once)"
    GOBIN=${repository}/.cache/bin go install "github.com/rhysd/actionlint/cmd/actionlint@${ACTIONLINT_VERSION}"
}

# The accessibility checker that the console's tests run in the browser, where npm is there.
install_axe() {
    local target=${repository}/.cache/axe
    if ! command -v npm >/dev/null || [[ -e ${target}/node_modules/axe-core/axe.min.js ]]; then
        return
    fi
    npm install --prefix "${target}" --ignore-scripts --no-audit --no-fund --silent "axe-core@${AXE_VERSION}"
}

warm_jars() {
    local python=${repository}/.venv/bin/python
    [[ -x ${python} ]] || python=python3
    (cd "${repository}" && "${python}" -m tests.support.kafka_jars && "${python}" -m tests.support.spark_jars)
}

mapfile -t packages < <(missing_packages)
if [[ ${#packages[@]} -gt 0 ]]; then
    install_packages "${packages[@]}"
fi
warm_jars
install_helm
install_kustomize
install_actionlint
install_custom_resources
install_axe
echo "setup: servers for the tests are ready"
