{{/* Every object's name starts with the release's; `helm install antiphon …` gives antiphon-operator. */}}
{{- define "antiphon.operator" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ printf "%s-operator" (trunc 40 .Release.Name | trimSuffix "-") }}
{{- else -}}
{{ printf "%s-%s-operator" (trunc 31 .Release.Name | trimSuffix "-") .Chart.Name }}
{{- end -}}
{{- end -}}

{{/* What selects the operator's pods, and never changes. */}}
{{- define "antiphon.selector" -}}
app.kubernetes.io/name: antiphon
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "antiphon.labels" -}}
{{ include "antiphon.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image's reference: (dict "root" . "component" "relay"). */}}
{{- define "antiphon.image" -}}
{{- $images := .root.Values.images -}}
{{- $image := index $images .component -}}
{{- $registry := $image.registry | default $images.registry -}}
{{- $repository := $image.repository -}}
{{- if $registry }}{{ $repository = printf "%s/%s" $registry $repository }}{{ end -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default $images.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Whether an optional kind is made: (dict "root" . "choice" "Auto" "kind" "monitoring.coreos.com/v1/ServiceMonitor"). */}}
{{- define "antiphon.wanted" -}}
{{- if or (eq .choice "Always") (and (eq .choice "Auto") (.root.Capabilities.APIVersions.Has .kind)) -}}yes{{- end -}}
{{- end -}}

{{/* Pod Security "restricted", and a root file system that cannot be written. */}}
{{- define "antiphon.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "antiphon.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "antiphon.pullSecrets" -}}
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end -}}

{{/* Gives the operator's account a role: (dict "root" . "kind" "RoleBinding" "role" "Role" "name" … "namespace" …). */}}
{{- define "antiphon.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "antiphon.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .role }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "antiphon.operator" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}
