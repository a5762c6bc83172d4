{{/* Names, labels and what every pod has in common. */}}

{{- define "ratchet.fullname" -}}
{{- if contains "ratchet" .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-ratchet" .Release.Name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "ratchet.selector" -}}
app.kubernetes.io/name: ratchet
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "ratchet.labels" -}}
{{ include "ratchet.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "ratchet.metadata" -}}
name: {{ include "ratchet.fullname" .root }}-{{ .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "ratchet.labels" . | nindent 2 }}
{{- end -}}

{{- define "ratchet.image" -}}
{{- $image := index .root.Values.images .name -}}
{{- if $image.digest -}}{{ $image.repository }}@{{ $image.digest }}
{{- else -}}{{ $image.repository }}:{{ $image.tag | default .root.Chart.AppVersion }}{{- end -}}
{{- end -}}

{{- define "ratchet.mlflow" -}}
{{- if .Values.mlflow.enabled -}}http://{{ include "ratchet.fullname" . }}-mlflow:5000
{{- else -}}{{ required "mlflow.enabled is false: settings.mlflow_uri must say where MLflow is" .Values.settings.mlflow_uri }}{{- end -}}
{{- end -}}

{{- define "ratchet.prefect" -}}
{{- if .Values.prefect.enabled -}}http://{{ include "ratchet.fullname" . }}-prefect:4200/api
{{- else -}}{{ required "prefect.enabled is false: settings.prefect_url must say where Prefect is" .Values.settings.prefect_url }}{{- end -}}
{{- end -}}

{{/* A value as an environment variable says it: large whole numbers would become 3.2e+07. */}}
{{- define "ratchet.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end -}}

{{/* Where things are, as a map: the chart's own addresses, then `settings`, which win. */}}
{{- define "ratchet.settings" -}}
{{- $found := dict
  "RATCHET_HOME" "/var/lib/ratchet"
  "RATCHET_HISTORY_ROOT" "/var/lib/history"
  "RATCHET_REQUIRE_KEYS" "always"
  "RATCHET_MLFLOW_URI" (include "ratchet.mlflow" .)
  "RATCHET_PREFECT_URL" (include "ratchet.prefect" .)
  "RATCHET_SERVICE_URL" (printf "http://%s-prediction:%v" (include "ratchet.fullname" .) .Values.prediction.service.port)
  "RATCHET_SERVICE_REPLICAS" (printf "http://%s-prediction-replicas:8000" (include "ratchet.fullname" .))
  "RATCHET_DRAIN_SECONDS" (toString .Values.prediction.drainSeconds)
  "AWS_SHARED_CREDENTIALS_FILE" "/run/secrets/aws_credentials"
  "AWS_DEFAULT_REGION" .Values.region
  "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD" "false"
  "OMP_NUM_THREADS" (toString .Values.threads) -}}
{{- if .Values.prediction.ingress.enabled -}}
{{- $scheme := ternary "https" "http" (ne .Values.prediction.ingress.tlsSecret "") -}}
{{- $_ := set $found "RATCHET_SERVICE_PAGE" (printf "%s://%s" $scheme .Values.prediction.ingress.host) -}}
{{- end -}}
{{- if .Values.console.ingress.enabled -}}
{{- $scheme := ternary "https" "http" (ne .Values.console.ingress.tlsSecret "") -}}
{{- $_ := set $found "RATCHET_CONSOLE_URL" (printf "%s://%s" $scheme .Values.console.ingress.host) -}}
{{- end -}}
{{- if .Values.dask.enabled -}}
{{- $_ := set $found "RATCHET_DASK" (printf "tcp://%s-dask-scheduler:8786" (include "ratchet.fullname" .)) -}}
{{- end -}}
{{- if eq (toString .Values.settings.work_pool_type) "kubernetes" -}}
{{- $_ := set $found "RATCHET_FLOW_IMAGE" (include "ratchet.image" (dict "root" . "name" "platform")) -}}
{{- end -}}
{{- range $name, $value := .Values.settings -}}
{{- $_ := set $found (printf "RATCHET_%s" (upper $name)) (include "ratchet.text" $value) -}}
{{- end -}}
{{- range $name, $value := .Values.environment -}}
{{- $_ := set $found $name (include "ratchet.text" $value) -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* The start of every pod's spec. Kubernetes describes each Service of the namespace to pods by variables such as
RATCHET_MLFLOW_PORT=tcp://10.0.0.1:5000, and that is a name of ours: no service links, ever. */}}
{{- define "ratchet.pod" -}}
serviceAccountName: {{ include "ratchet.fullname" .root }}{{ if eq .component "worker" }}-worker{{ end }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .of }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "ratchet.container" -}}
image: {{ include "ratchet.image" (dict "root" .root "name" (.image | default "platform")) }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources:
  {{- toYaml .of.resources | nindent 2 }}
{{- end -}}

{{- define "ratchet.fromSettings" -}}
envFrom:
  - configMapRef:
      name: {{ include "ratchet.fullname" .root }}-settings
{{- end -}}

{{/* Pods start anew when what they read at their start has changed. */}}
{{- define "ratchet.annotations" -}}
checksum/settings: {{ include "ratchet.settings" .root | sha256sum }}
{{- end -}}

{{- define "ratchet.claim" -}}
{{- $volume := index .root.Values.volumes .name -}}
{{- $volume.existingClaim | default (printf "%s-%s" (include "ratchet.fullname" .root) .name) -}}
{{- end -}}

{{- define "ratchet.homeVolumes" -}}
- name: home
  persistentVolumeClaim: {claimName: {{ include "ratchet.claim" (dict "root" .root "name" "home") }}}
- name: history
  persistentVolumeClaim: {claimName: {{ include "ratchet.claim" (dict "root" .root "name" "history") }}}
{{- end -}}

{{- define "ratchet.homeMounts" -}}
- {name: home, mountPath: /var/lib/ratchet}
- {name: history, mountPath: /var/lib/history}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /run/secrets, readOnly: true}
{{- end -}}

{{- define "ratchet.tmp" -}}
- name: tmp
  emptyDir: {sizeLimit: 2Gi}
{{- end -}}

{{- define "ratchet.secretVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      - secret: {name: {{ .secret }}}
{{- end -}}

{{- define "ratchet.http" -}}
httpGet:
  path: {{ .path }}
  port: http
timeoutSeconds: 3
{{- end -}}
