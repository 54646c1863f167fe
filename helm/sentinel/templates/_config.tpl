{{- /* Values that contradict each other are refused, each with its own name. */ -}}
{{- define "sentinel.check" -}}
{{- $v := .Values }}
{{- $scaled := or $v.autoscaling.keda.enabled $v.autoscaling.hpa.enabled }}
{{- if not $v.config.models }}
{{- fail "config.models: name at least one model, with name, version and baseline" }}
{{- end }}
{{- $kafka := $v.config.source.kafka | default dict }}
{{- $topics := $kafka.topics | default dict }}
{{- if hasKey $v.config.source "http" }}
{{- $http := $v.config.source.http | default dict }}
{{- if $kafka.bootstrap_servers }}
{{- fail "config.source: events come from kafka or by http; name one of them" }}
{{- end }}
{{- if ne $v.mode "single" }}
{{- fail "config.source.http: one process takes events in and counts them; set mode single" }}
{{- end }}
{{- if not $v.persistence.enabled }}
{{- fail "persistence.enabled: accepted events are kept on the volume until they are counted" }}
{{- end }}
{{- if not (or $v.config.web.producers $http.allow_anonymous) }}
{{- fail "config.source.http: nobody could post; name config.web.producers, with tokens of webConfig.tokensKey, or set allow_anonymous" }}
{{- end }}
{{- else }}
{{- if not $kafka.bootstrap_servers }}
{{- fail "config.source.kafka.bootstrap_servers: name at least one broker" }}
{{- end }}
{{- if not (and $topics.predictions $topics.outcomes) }}
{{- fail "config.source.kafka.topics: name the topics of predictions and of outcomes" }}
{{- end }}
{{- end }}
{{- if and (eq $v.mode "split") (not $topics.summaries) }}
{{- fail "config.source.kafka.topics.summaries: in mode split name the compacted topic where collectors and evaluator meet" }}
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
{{- $oauth := $v.kafka.auth.oauth }}
{{- if eq $v.kafka.auth.mechanism "OAUTHBEARER" }}
{{- if eq (empty $oauth.tokenEndpoint) (not $oauth.serviceAccountToken.enabled) }}
{{- fail "kafka.auth.oauth: give tokenEndpoint or enable serviceAccountToken, one of them" }}
{{- end }}
{{- if and $oauth.tokenEndpoint (not (and $oauth.clientId $v.kafka.auth.existingSecret)) }}
{{- fail "kafka.auth.oauth: tokenEndpoint needs clientId, and kafka.auth.existingSecret with its secret" }}
{{- end }}
{{- if and $v.autoscaling.keda.enabled (not $v.autoscaling.keda.authenticationRef) }}
{{- fail "autoscaling.keda: with OAUTHBEARER give authenticationRef, a TriggerAuthentication of yours" }}
{{- end }}
{{- else if or $oauth.tokenEndpoint $oauth.serviceAccountToken.enabled }}
{{- fail "kafka.auth.oauth: has no effect without kafka.auth.mechanism OAUTHBEARER" }}
{{- end }}
{{- if and $v.schemaRegistry.existingSecret (not ($kafka.schema_registry | default dict).urls) }}
{{- fail "schemaRegistry: there is no config.source.kafka.schema_registry with urls" }}
{{- end }}
{{- if and $v.kafka.auth.existingSecret (not (or $v.kafka.auth.username $v.kafka.auth.usernameKey)) }}
{{- fail "kafka.auth: give username, or usernameKey, the key of the Secret that holds it" }}
{{- end }}
{{- if and $v.autoscaling.keda.enabled $v.kafka.auth.existingSecret $v.kafka.auth.username (ne $v.kafka.auth.mechanism "OAUTHBEARER") (not $v.autoscaling.keda.authenticationRef) }}
{{- fail "autoscaling.keda: KEDA reads the user from the Secret too; give kafka.auth.usernameKey, or authenticationRef" }}
{{- end }}
{{- end }}

{{- /* The configuration: the values' `config`, and what follows from `kafka` and `webConfig`. What `config` says itself wins. */ -}}
{{- define "sentinel.config" -}}
{{- $config := deepCopy .Values.config }}
{{- $kafka := $config.source.kafka | default dict }}
{{- $auth := .Values.kafka.auth }}
{{- $tls := .Values.kafka.tls }}
{{- $derived := dict }}
{{- if eq $auth.mechanism "OAUTHBEARER" }}
{{- $_ := set $derived "security_protocol" (ternary "SASL_SSL" "SASL_PLAINTEXT" $tls.enabled) }}
{{- $_ := set $derived "sasl_mechanism" $auth.mechanism }}
{{- if $auth.oauth.serviceAccountToken.enabled }}
{{- $_ := set $derived "sasl_oauth_token_file" "/run/secrets/kafka-token/token" }}
{{- else }}
{{- $_ := set $derived "sasl_oauth_token_endpoint_url" $auth.oauth.tokenEndpoint }}
{{- $_ := set $derived "sasl_oauth_client_id" $auth.oauth.clientId }}
{{- $_ := set $derived "sasl_oauth_client_secret_file" "/run/secrets/kafka-auth/password" }}
{{- with $auth.oauth.scope }}
{{- $_ := set $derived "sasl_oauth_scope" . }}
{{- end }}
{{- end }}
{{- else if $auth.existingSecret }}
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
{{- $registry := .Values.schemaRegistry }}
{{- if $registry.existingSecret }}
{{- $opens := dict }}
{{- with $registry.username }}
{{- $_ := set $opens "username" . }}
{{- end }}
{{- range $key, $file := dict "passwordKey" "password_file" "tokenKey" "bearer_token_file" "caKey" "ssl_cafile" "certKey" "ssl_certfile" "keyKey" "ssl_keyfile" }}
{{- if get $registry $key }}
{{- $_ := set $opens $file (printf "/run/secrets/schema-registry/%s" (get $registry $key)) }}
{{- end }}
{{- end }}
{{- $_ := set $derived "schema_registry" $opens }}
{{- end }}
{{- if hasKey $config.source "http" }}
{{- $_ := unset $config.source "kafka" }}
{{- else }}
{{- $_ := set $config.source "kafka" (mergeOverwrite $derived $kafka) }}
{{- end }}
{{- if .Values.hashKey.existingSecret }}
{{- $_ := set $config "state" (mergeOverwrite (dict "hash_key_file" "/run/secrets/hash-key/key") $config.state) }}
{{- end }}
{{- $guard := dict }}
{{- if eq .Values.mode "split" }}
{{- $judge := include "sentinel.componentName" (dict "root" . "component" "evaluator") }}
{{- $_ := set $guard "evaluator" (printf "%s://%s.%s.svc:9469/" (include "sentinel.scheme" .) $judge (include "sentinel.namespace" .)) }}
{{- end }}
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
{{- with $auth.oauth.serviceAccountToken }}
{{- if .enabled }}
- name: kafka-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, audience: {{ .audience | quote }}, expirationSeconds: {{ .expirationSeconds }}}
{{- end }}
{{- end }}
{{- with .Values.schemaRegistry.existingSecret }}
- name: schema-registry
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.hashKey.existingSecret }}
- name: hash-key
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: {{ $.Values.hashKey.key }}, path: key}]
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
