{{- define "sentinel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- /* 52 characters: a StatefulSet adds its own to the names of its pods. */ -}}
{{- define "sentinel.fullname" -}}
{{- $name := include "sentinel.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "sentinel.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sentinel.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sentinel.labels" -}}
{{ include "sentinel.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "sentinel.serviceAccountName" -}}
{{- default (include "sentinel.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "sentinel.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- /* The volume of the baselines; one source, so that nobody wonders which file was read. */ -}}
{{- define "sentinel.baselinesVolume" -}}
{{- $b := .Values.baselines }}
{{- $given := 0 }}
{{- if $b.existingClaim }}{{ $given = add1 $given }}{{ end }}
{{- if $b.existingConfigMap }}{{ $given = add1 $given }}{{ end }}
{{- if $b.binaryData }}{{ $given = add1 $given }}{{ end }}
{{- if ne (int $given) 1 }}
{{- fail (printf "baselines: give exactly one of existingClaim, existingConfigMap and binaryData, not %d" (int $given)) }}
{{- end }}
{{- if $b.existingClaim -}}
persistentVolumeClaim: {claimName: {{ $b.existingClaim }}, readOnly: true}
{{- else -}}
configMap: {name: {{ default (printf "%s-baselines" (include "sentinel.fullname" .)) $b.existingConfigMap }}}
{{- end }}
{{- end }}

{{- /* The configuration file, refused here where it could not start. */ -}}
{{- define "sentinel.config" -}}
{{- $config := .Values.config }}
{{- if not $config.models }}
{{- fail "config.models: name at least one model, with name, version and baseline" }}
{{- end }}
{{- if not $config.source.kafka.bootstrap_servers }}
{{- fail "config.source.kafka.bootstrap_servers: name at least one broker" }}
{{- end }}
{{- if not (and $config.source.kafka.topics.predictions $config.source.kafka.topics.outcomes) }}
{{- fail "config.source.kafka.topics: name the topics of predictions and of outcomes" }}
{{- end }}
{{- toYaml $config }}
{{- end }}
