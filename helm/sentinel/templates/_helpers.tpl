{{- define "sentinel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 42 | trimSuffix "-" }}
{{- end }}

{{- /* 42 characters: `-collector` follows, and a StatefulSet may have 52, since it adds a hash of its own to a label. */ -}}
{{- define "sentinel.fullname" -}}
{{- $name := include "sentinel.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 42 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 42 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 42 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "sentinel.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- /* What reads from Kafka: the daemon that does everything, or the collectors. */ -}}
{{- define "sentinel.reader" -}}
{{- ternary "collector" "daemon" (eq .Values.mode "split") }}
{{- end }}

{{- /* What judges, serves the page and the reports. */ -}}
{{- define "sentinel.judge" -}}
{{- ternary "evaluator" "daemon" (eq .Values.mode "split") }}
{{- end }}

{{- /* The name of a component's objects. Takes root, component. */ -}}
{{- define "sentinel.componentName" -}}
{{- $full := include "sentinel.fullname" .root }}
{{- ternary $full (printf "%s-%s" $full .component) (eq .component "daemon") }}
{{- end }}

{{- /* Takes root and, where it is one component, component. */ -}}
{{- define "sentinel.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sentinel.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- /* Takes root, component, labels; ours win, since selectors depend on them. */ -}}
{{- define "sentinel.labels" -}}
{{- $own := fromYaml (include "sentinel.selectorLabels" .) }}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/part-of" "sentinel" }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") }}
{{- toYaml (mergeOverwrite (dict) .root.Values.commonLabels (.labels | default dict) $own) }}
{{- end }}

{{- /* The metadata of an object. Takes root, name, component, namespace, labels, annotations. */ -}}
{{- define "sentinel.metadata" -}}
name: {{ .name }}
namespace: {{ default (include "sentinel.namespace" .root) .namespace }}
labels: {{- include "sentinel.labels" . | nindent 2 }}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations (.annotations | default dict) }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "sentinel.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "sentinel.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "sentinel.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "sentinel.scheme" -}}
{{- ternary "https" "http" .Values.webConfig.tls }}
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
