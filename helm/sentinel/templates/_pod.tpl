{{- /* What the pod security standard `restricted` asks for. */ -}}
{{- define "sentinel.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "sentinel.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* A probe; the port's scheme follows webConfig.tls. Takes root, path, timing. */ -}}
{{- define "sentinel.probe" -}}
httpGet: {path: {{ .path }}, port: http{{ if .root.Values.webConfig.tls }}, scheme: HTTPS{{ end }}}
{{ toYaml .timing }}
{{- end }}

{{- /* Where pods go. Takes root, component. */ -}}
{{- define "sentinel.placement" -}}
{{- $v := .root.Values }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $v.topologySpreadConstraints }}
{{- $selector := dict "matchLabels" (fromYaml (include "sentinel.selectorLabels" .)) }}
topologySpreadConstraints:
{{- range $v.topologySpreadConstraints }}
  - {{ toYaml (mergeOverwrite (dict "labelSelector" $selector) .) | nindent 4 | trim }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The pod of a daemon. Takes root, component, role, resources, and state: the source of its volume, or none. */ -}}
{{- define "sentinel.podTemplate" -}}
{{- $root := .root }}
{{- $v := .root.Values }}
{{- $annotations := dict "checksum/config" (include "sentinel.config" $root | sha256sum) "checksum/baselines" (toJson $v.baselines | sha256sum) }}
metadata:
  labels: {{- include "sentinel.labels" (dict "root" $root "component" .component "labels" $v.podLabels) | nindent 4 }}
  annotations: {{- toYaml (mergeOverwrite (dict) $v.commonAnnotations $v.podAnnotations $annotations) | nindent 4 }}
spec:
  serviceAccountName: {{ include "sentinel.serviceAccountName" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $v.terminationGracePeriodSeconds }}
  {{- with $v.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{- include "sentinel.podSecurity" $root | nindent 4 }}
  {{- with $v.hostAliases }}
  hostAliases: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "sentinel.placement" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  containers:
    - name: sentinel
      image: {{ include "sentinel.image" $root | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: {{- toYaml (concat (list "run" "--config" "/etc/sentinel/sentinel.yaml" "--role" .role) $v.extraArgs) | nindent 8 }}
      env:
        - name: POD_NAME
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        {{- if and $v.kafka.auth.existingSecret (not $v.kafka.auth.username) (ne $v.kafka.auth.mechanism "OAUTHBEARER") }}
        - name: KAFKA_USERNAME
          valueFrom: {secretKeyRef: {name: {{ $v.kafka.auth.existingSecret }}, key: {{ $v.kafka.auth.usernameKey }}}}
        {{- end }}
        {{- with $v.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $v.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: http, containerPort: 9469, protocol: TCP}
      startupProbe: {{- include "sentinel.probe" (dict "root" $root "path" "/livez" "timing" $v.probes.startup) | nindent 8 }}
      livenessProbe: {{- include "sentinel.probe" (dict "root" $root "path" "/livez" "timing" $v.probes.liveness) | nindent 8 }}
      readinessProbe: {{- include "sentinel.probe" (dict "root" $root "path" "/readyz" "timing" $v.probes.readiness) | nindent 8 }}
      securityContext: {{- include "sentinel.containerSecurity" $root | nindent 8 }}
      resources: {{- toYaml (default $v.resources .resources) | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/sentinel, readOnly: true}
        - {name: baselines, mountPath: /baselines, readOnly: true}
        - {name: state, mountPath: /var/lib/sentinel}
        - {name: tmp, mountPath: /tmp}
        {{- with include "sentinel.secretMounts" $root | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with $v.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "sentinel.fullname" $root }}
        items: [{key: sentinel.yaml, path: sentinel.yaml}]
    - name: baselines
      {{- include "sentinel.baselinesVolume" $root | nindent 6 }}
    - name: tmp
      emptyDir: {sizeLimit: 256Mi}
    {{- with .state }}
    - name: state
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with include "sentinel.secretVolumes" $root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $v.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- /* The pod of a command that asks the daemon. Takes root, component, command, args, resources, labels, and volumes and mounts beside its own. */ -}}
{{- define "sentinel.commandPodSpec" -}}
{{- $v := .root.Values }}
restartPolicy: Never
serviceAccountName: {{ include "sentinel.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $v.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- include "sentinel.podSecurity" .root | nindent 2 }}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .component }}
    image: {{ include "sentinel.image" .root | quote }}
    imagePullPolicy: {{ $v.image.pullPolicy }}
    {{- with .command }}
    command: {{- toYaml . | nindent 6 }}
    {{- end }}
    args: {{- toYaml .args | nindent 6 }}
    securityContext: {{- include "sentinel.containerSecurity" .root | nindent 6 }}
    resources: {{- toYaml .resources | nindent 6 }}
    volumeMounts:
      - {name: config, mountPath: /etc/sentinel, readOnly: true}
      - {name: baselines, mountPath: /baselines, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- with .mounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "sentinel.fullname" .root }}
      items: [{key: client.yaml, path: sentinel.yaml}]
  - name: baselines
    {{- include "sentinel.baselinesVolume" .root | nindent 4 }}
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
  {{- with .volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
