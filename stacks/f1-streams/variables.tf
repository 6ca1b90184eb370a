variable "image" {
  type        = string
  description = "The image, with a tag or a digest that does not move."
}

variable "host" {
  type        = string
  description = "The name viewers use. Requests for any other name are refused, by the ingress and by the service."
}

variable "tls_secret_name" {
  type        = string
  description = "Secret with the certificate of `host`, in this stack's namespace."
}

variable "nfs_server" {
  type        = string
  description = "Name or address of the NFS server of the data directory."
}

variable "nfs_path" {
  type        = string
  description = "Exported directory, writable for uid and gid 65532. Plugins go to plugins/ in it, sites to sites/."
}

variable "nfs_mount_options" {
  type        = list(string)
  description = "Options of the NFS mount. actimeo=1 belongs there: with the default of up to a minute a new plugin or site file is seen that much later."
  default     = ["nfsvers=4.1", "actimeo=1"]
}

variable "namespace" {
  type        = string
  description = "Namespace made for this stack alone."
  default     = "f1-streams"
}

variable "ingress_class_name" {
  type        = string
  description = "Class of the ingress."
  default     = "nginx"
}

variable "ingress_annotations" {
  type        = map(string)
  description = "Annotations of the ingress: an authentication in front, an issuer, timeouts."
  default     = {}
}

variable "trusted_proxies" {
  type        = list(string)
  description = "Networks of the ingress controller's pods. Without them all viewers count as one client address; needed unless viewers is open."
  default     = []
}

variable "viewers" {
  type        = string
  description = "Who may watch: token, forward or open (docs/access.md)."
  default     = "token"
}

variable "forward_header" {
  type        = string
  description = "With viewers = forward: the header in which the login proxy says who a viewer is."
  default     = "Remote-User"
}

variable "forward_proxies" {
  type        = list(string)
  description = "With viewers = forward: networks of the ingress controller's pods, whose word counts."
  default     = []
}

variable "allow_addresses" {
  type        = list(string)
  description = "Addresses or networks that every site may fetch from although they are private. Prefer allow_addresses in a site's own file."
  default     = []
}

variable "lan_addresses" {
  type        = list(string)
  description = "Addresses or networks that the pod may connect to on every port, by the network policy, beside the internet on `ports`: what the site files name in allow_addresses and as proxy, the webhook, and name servers that are not kube-dns (a node-local cache is 169.254.20.10). Those in allow_addresses here need not be repeated."
  default     = []
}

variable "ports" {
  type        = list(number)
  description = "Ports that are fetched from, by the service and by the network policy. Empty: every port."
  default     = [80, 443, 8080, 8443]
}

variable "ingress_namespace" {
  type        = string
  description = "Namespace of the ingress controller: nobody else may connect to the pod."
  default     = "ingress-nginx"
}

variable "ingress_pod_labels" {
  type        = map(string)
  description = "Labels of the ingress controller's pods. Empty: every pod of its namespace."
  default     = {}
}

variable "metrics_namespace" {
  type        = string
  description = "Namespace of whoever reads the metrics. Empty: nobody."
  default     = "monitoring"
}

variable "admin_token" {
  type        = string
  description = "The admin's bearer token, long and random; after a change the pod wants a restart. Empty: the service makes one on its first start, in admin.token in the data directory."
  default     = ""
  sensitive   = true
}

variable "cache_size" {
  type        = string
  description = "Limit of the local cache: the last good plugins and their compiled form (plugins.compile.cache, 1 GiB)."
  default     = "2Gi"
}

variable "memory_limit" {
  type        = string
  description = "Memory limit of the pod. The relay's window (256 MiB) and the calls into plugins that may run at once (8 of 128 MiB) must fit, and so must compiling (2 at once, up to 350 MiB each for JavaScript and Python)."
  default     = "3Gi"
}
