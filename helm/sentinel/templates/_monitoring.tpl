{{- /* What a ServiceMonitor's endpoint and a PodMonitor's share. Takes root, monitor. */ -}}
{{- define "sentinel.endpoint" -}}
port: http
path: /metrics
scheme: {{ include "sentinel.scheme" .root }}
{{- with .monitor.interval }}
interval: {{ . }}
{{- end }}
{{- with .monitor.scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .monitor.tlsConfig }}
tlsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .monitor.basicAuth }}
basicAuth: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .monitor.authorization }}
authorization: {{- toYaml . | nindent 2 }}
{{- end }}
relabelings:
  # The job that the alert rules look for.
  - {action: replace, targetLabel: job, replacement: sentinel}
  # Collectors that are all down are told beside an evaluator that answers.
  - {action: replace, sourceLabels: [__meta_kubernetes_pod_label_app_kubernetes_io_component], targetLabel: component}
  {{- with .monitor.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .monitor.metricRelabelings }}
metricRelabelings: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What both say of the pods. Takes root, monitor. */ -}}
{{- define "sentinel.monitored" -}}
selector:
  matchLabels: {{- include "sentinel.selectorLabels" (dict "root" .root) | nindent 4 }}
  # Not the pods of the report and of the test.
  matchExpressions: [{key: app.kubernetes.io/component, operator: In, values: [daemon, collector, evaluator]}]
namespaceSelector: {matchNames: [{{ include "sentinel.namespace" .root }}]}
{{- with .monitor.sampleLimit }}
sampleLimit: {{ . }}
{{- end }}
{{- end }}
