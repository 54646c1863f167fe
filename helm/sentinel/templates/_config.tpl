{{- /* Values that contradict each other are refused, each with its own name. */ -}}
{{- define "sentinel.check" -}}
{{- $v := .Values }}
{{- $scaled := or $v.autoscaling.keda.enabled $v.autoscaling.hpa.enabled }}
{{- if not $v.config.models }}
{{- fail "config.models: name at least one model, with name, version and baseline" }}
{{- end }}
{{- if not $v.config.source.kafka.bootstrap_servers }}
{{- fail "config.source.kafka.bootstrap_servers: name at least one broker" }}
{{- end }}
{{- if not (and $v.config.source.kafka.topics.predictions $v.config.source.kafka.topics.outcomes) }}
{{- fail "config.source.kafka.topics: name the topics of predictions and of outcomes" }}
{{- end }}
{{- if and $v.autoscaling.keda.enabled $v.autoscaling.hpa.enabled }}
{{- fail "autoscaling: keda and hpa would fight over the replicas; enable one of them" }}
{{- end }}
{{- if and $scaled (ne $v.mode "split") }}
{{- fail "autoscaling: one process counts and judges in mode single; only the collectors of mode split can be scaled" }}
{{- end }}
{{- if and $v.serviceMonitor.enabled $v.podMonitor.enabled }}
{{- fail "serviceMonitor and podMonitor would scrape the same pods twice; enable one of them" }}
{{- end }}
{{- if and $v.persistence.existingClaim (eq $v.mode "split") }}
{{- fail "persistence.existingClaim: a claim belongs to one process; in mode split each collector gets its own" }}
{{- end }}
{{- if and $v.webConfig.tls (not (and $v.webConfig.existingSecret $v.webConfig.configKey)) }}
{{- fail "webConfig.tls: the certificate comes from webConfig.existingSecret, as webConfig.configKey says" }}
{{- end }}
{{- if and $v.webConfig.caKey (not $v.webConfig.tls) }}
{{- fail "webConfig.caKey: without webConfig.tls there is no certificate to trust" }}
{{- end }}
{{- if and $v.kafka.auth.existingSecret (not (or $v.kafka.auth.username $v.kafka.auth.usernameKey)) }}
{{- fail "kafka.auth: give username, or usernameKey, the key of the Secret that holds it" }}
{{- end }}
{{- if and $v.autoscaling.keda.enabled $v.kafka.auth.existingSecret $v.kafka.auth.username (not $v.autoscaling.keda.authenticationRef) }}
{{- fail "autoscaling.keda: KEDA reads the user from the Secret too; give kafka.auth.usernameKey, or authenticationRef" }}
{{- end }}
{{- end }}

{{- /* The configuration: the values' `config`, and what follows from `kafka` and `webConfig`. What `config` says itself wins. */ -}}
{{- define "sentinel.config" -}}
{{- $config := deepCopy .Values.config }}
{{- $kafka := $config.source.kafka }}
{{- $auth := .Values.kafka.auth }}
{{- $tls := .Values.kafka.tls }}
{{- $derived := dict }}
{{- if $auth.existingSecret }}
{{- $_ := set $derived "security_protocol" (ternary "SASL_SSL" "SASL_PLAINTEXT" $tls.enabled) }}
{{- $_ := set $derived "sasl_mechanism" $auth.mechanism }}
{{- $_ := set $derived "sasl_plain_username" (default "${KAFKA_USERNAME}" $auth.username) }}
{{- $_ := set $derived "sasl_plain_password_file" "/run/secrets/kafka-auth/password" }}
{{- else if $tls.enabled }}
{{- $_ := set $derived "security_protocol" "SSL" }}
{{- end }}
{{- if $tls.enabled }}
{{- if $tls.caSecret }}
{{- $_ := set $derived "ssl_cafile" "/run/secrets/kafka-ca/ca.crt" }}
{{- end }}
{{- if $tls.clientSecret }}
{{- $_ := set $derived "ssl_certfile" "/run/secrets/kafka-client/user.crt" }}
{{- $_ := set $derived "ssl_keyfile" "/run/secrets/kafka-client/user.key" }}
{{- end }}
{{- end }}
{{- $_ := set $config.source "kafka" (mergeOverwrite $derived $kafka) }}
{{- $guard := dict }}
{{- if .Values.webConfig.existingSecret }}
{{- with .Values.webConfig.configKey }}
{{- $_ := set $guard "config_file" (printf "/run/secrets/web-config/%s" .) }}
{{- end }}
{{- with .Values.webConfig.tokensKey }}
{{- $_ := set $guard "bearer_token_file" (printf "/run/secrets/web-config/%s" .) }}
{{- end }}
{{- end }}
{{- $_ := set $config "web" (mergeOverwrite $guard $config.web) }}
{{- toYaml $config }}
{{- end }}

{{- /* What a command needs that asks the daemon: the models, where it answers, and where a token is mounted. No secret. */ -}}
{{- define "sentinel.clientConfig" -}}
{{- $judge := include "sentinel.componentName" (dict "root" . "component" (include "sentinel.judge" .)) }}
{{- $address := printf "%s.%s.svc:9469" $judge (include "sentinel.namespace" .) }}
{{- $web := dict "listen" $address }}
{{- if and .Values.webConfig.existingSecret .Values.webConfig.tokensKey }}
{{- $_ := set $web "bearer_token_file" "/run/secrets/client/tokens" }}
{{- with .Values.config.web.writers }}
{{- $_ := set $web "writers" . }}
{{- end }}
{{- end }}
{{- toYaml (dict "apiVersion" .Values.config.apiVersion "models" .Values.config.models "web" $web) }}
{{- end }}

{{- /* What `sentinel explain` is told besides where TLS is spoken, as JSON. */ -}}
{{- define "sentinel.clientArgs" -}}
{{- $args := list }}
{{- if and .Values.webConfig.tls (eq (first .Values.report.args) "explain") }}
{{- $judge := include "sentinel.componentName" (dict "root" . "component" (include "sentinel.judge" .)) }}
{{- if not (has "--url" .Values.report.args) }}
{{- $args = concat $args (list "--url" (printf "https://%s.%s.svc:9469" $judge (include "sentinel.namespace" .))) }}
{{- end }}
{{- if and .Values.webConfig.caKey (not (has "--ca-file" .Values.report.args)) }}
{{- $args = concat $args (list "--ca-file" "/run/secrets/client/ca.crt") }}
{{- end }}
{{- end }}
{{- toJson $args }}
{{- end }}

{{- /* Of the Secret of webConfig, what a client needs: never the key of the certificate. As JSON. */ -}}
{{- define "sentinel.clientVolumes" -}}
{{- $items := list }}
{{- if .Values.webConfig.existingSecret }}
{{- with .Values.webConfig.tokensKey }}
{{- $items = append $items (dict "key" . "path" "tokens") }}
{{- end }}
{{- with .Values.webConfig.caKey }}
{{- $items = append $items (dict "key" . "path" "ca.crt") }}
{{- end }}
{{- end }}
{{- $volumes := list }}
{{- if $items }}
{{- $secret := dict "secretName" .Values.webConfig.existingSecret "defaultMode" 0440 "items" $items }}
{{- $volumes = list (dict "name" "client" "secret" $secret) }}
{{- end }}
{{- toJson $volumes }}
{{- end }}

{{- /* Secrets as volumes: existing ones only, each in a folder of its own. */ -}}
{{- define "sentinel.secretVolumes" -}}
{{- $auth := .Values.kafka.auth }}
{{- $tls := .Values.kafka.tls }}
{{- with .Values.existingSecret }}
- name: secrets
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with $auth.existingSecret }}
- name: kafka-auth
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: {{ $auth.passwordKey }}, path: password}]
{{- end }}
{{- if $tls.enabled }}
{{- with $tls.caSecret }}
- name: kafka-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: {{ $tls.caKey }}, path: ca.crt}]
{{- end }}
{{- with $tls.clientSecret }}
- name: kafka-client
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: {{ $tls.certKey }}, path: user.crt}, {key: {{ $tls.keyKey }}, path: user.key}]
{{- end }}
{{- end }}
{{- with .Values.webConfig.existingSecret }}
- name: web-config
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.grafana.existingSecret }}
- name: grafana
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: {{ $.Values.grafana.tokenKey }}, path: token}]
{{- end }}
{{- end }}

{{- define "sentinel.secretMounts" -}}
{{- range fromYamlArray (include "sentinel.secretVolumes" .) }}
- {name: {{ .name }}, mountPath: /run/secrets/{{ ternary "sentinel" .name (eq .name "secrets") }}, readOnly: true}
{{- end }}
{{- end }}
