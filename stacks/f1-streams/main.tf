# f1-streams as one pod behind an ingress, with its data directory on NFS.
#
# One pod, replaced rather than rolled: two at once would both run the
# extractors. Whatever must survive is on NFS; a node can go at any time.

terraform {
  required_version = ">= 1.5"
  required_providers {
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.30, < 4.0"
    }
  }
}

locals {
  name   = "f1-streams"
  labels = { "app.kubernetes.io/name" = local.name }

  # The user of the image. The NFS export must be writable for it: Kubernetes
  # does not change the owner of what is on NFS.
  user = 65532

  ports = { http = 8080, metrics = 9090 }

  # What the guard of the service denies (host/src/net/address.rs), once more for
  # the cluster's network; a test compares them. Of IPv6 both let through 2000::/3
  # alone, so only what is inside of it is an exception here.
  denied_ipv4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
  ]
  denied_ipv6 = [
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
  ]

  # Networks, for the policy; an address is a network of one.
  lan = [
    for address in distinct(concat(var.allow_addresses, var.lan_addresses)) :
    strcontains(address, "/") ? address : "${address}/${strcontains(address, ":") ? 128 : 32}"
  ]

  has_admin_token = nonsensitive(var.admin_token != "")
  secrets_dir     = "/etc/f1-streams-secrets"

  # A list or string in JSON is the same in TOML.
  config = <<-TOML
    data_dir  = "/data"
    cache_dir = "/cache"

    [server]
    listen          = "0.0.0.0:${local.ports.http}"
    public_url      = ${jsonencode("https://${var.host}")}
    hosts           = ${jsonencode([var.host])}
    trusted_proxies = ${jsonencode(var.trusted_proxies)}

    [metrics]
    listen = "0.0.0.0:${local.ports.metrics}"

    # Viewers' tokens are in viewers.tokens of the data directory, made by the first
    # start. The admin interface has its token either way.
    [auth]
    viewers          = ${jsonencode(var.viewers)}
    forward_header   = ${jsonencode(var.forward_header)}
    forward_proxies  = ${jsonencode(var.forward_proxies)}
    admin_token_file = ${jsonencode(local.has_admin_token ? "${local.secrets_dir}/admin.token" : "admin.token")}

    [net]
    allow_addresses = ${jsonencode(var.allow_addresses)}
    ports           = ${jsonencode(var.ports)}

    [log]
    format = "json"
  TOML
}

resource "kubernetes_namespace_v1" "this" {
  metadata {
    name   = var.namespace
    labels = merge(local.labels, { "pod-security.kubernetes.io/enforce" = "restricted" })
  }
}

# The data directory: plugins/ and sites/, which the operator fills, and what
# the service keeps. A site's configuration lives there and not in a ConfigMap,
# so that a new site or a fixed plugin needs no deployment.
resource "kubernetes_persistent_volume_v1" "data" {
  metadata {
    name   = "${var.namespace}-data"
    labels = local.labels
  }
  spec {
    capacity                         = { storage = "1Gi" } # a formality: NFS does not enforce it
    access_modes                     = ["ReadWriteMany"]
    persistent_volume_reclaim_policy = "Retain"
    # No such class exists. The name only keeps the cluster's default class
    # from answering the claim below.
    storage_class_name = "${var.namespace}-data"
    mount_options      = var.nfs_mount_options
    persistent_volume_source {
      nfs {
        server = var.nfs_server
        path   = var.nfs_path
      }
    }
  }
}

resource "kubernetes_persistent_volume_claim_v1" "data" {
  metadata {
    name      = "data"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }
  spec {
    access_modes       = ["ReadWriteMany"]
    storage_class_name = kubernetes_persistent_volume_v1.data.spec[0].storage_class_name
    volume_name        = kubernetes_persistent_volume_v1.data.metadata[0].name
    resources {
      requests = { storage = "1Gi" }
    }
  }
}

resource "kubernetes_config_map_v1" "config" {
  metadata {
    name      = "config"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }
  data = { "f1-streams.toml" = local.config }
}

resource "kubernetes_secret_v1" "secrets" {
  count = local.has_admin_token ? 1 : 0
  metadata {
    name      = "secrets"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }
  data = { "admin.token" = var.admin_token }
}

resource "kubernetes_deployment_v1" "this" {
  metadata {
    name      = local.name
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }
  lifecycle {
    # Wrong tokens, connections and requests count by client address.
    precondition {
      condition     = var.viewers == "open" || length(var.trusted_proxies) > 0
      error_message = "trusted_proxies is empty, so all viewers would count as one: name the networks of the ingress controller's pods."
    }
  }
  spec {
    replicas = 1
    strategy {
      type = "Recreate"
    }
    selector {
      match_labels = local.labels
    }
    template {
      metadata {
        labels = local.labels
        annotations = {
          # The file is read at start, so another one means another pod. No
          # checksum of the secret: it would help whoever guesses at a token.
          "checksum/config"      = sha256(local.config)
          "prometheus.io/scrape" = "true"
          "prometheus.io/port"   = tostring(local.ports.metrics)
        }
      }
      spec {
        automount_service_account_token = false
        enable_service_links            = false
        # server.drain (10 s) and as much again.
        termination_grace_period_seconds = 30

        security_context {
          run_as_non_root        = true
          run_as_user            = local.user
          run_as_group           = local.user
          fs_group               = local.user
          fs_group_change_policy = "OnRootMismatch"
          seccomp_profile {
            type = "RuntimeDefault"
          }
        }

        container {
          name  = local.name
          image = var.image

          port {
            name           = "http"
            container_port = local.ports.http
          }
          port {
            name           = "metrics"
            container_port = local.ports.metrics
          }

          security_context {
            allow_privilege_escalation = false
            read_only_root_filesystem  = true
            capabilities {
              drop = ["ALL"]
            }
          }

          resources {
            requests = { cpu = "100m", memory = "256Mi" }
            limits   = { memory = var.memory_limit }
          }

          # Each probe names the host: a request for the pod's address is
          # refused like any other name the service was not told.
          startup_probe {
            http_get {
              path = "/healthz"
              port = "http"
              http_header {
                name  = "Host"
                value = var.host
              }
            }
            period_seconds    = 2
            failure_threshold = 30
          }
          liveness_probe {
            http_get {
              path = "/healthz"
              port = "http"
              http_header {
                name  = "Host"
                value = var.host
              }
            }
            period_seconds    = 10
            timeout_seconds   = 3
            failure_threshold = 3
          }
          readiness_probe {
            http_get {
              path = "/readyz"
              port = "http"
              http_header {
                name  = "Host"
                value = var.host
              }
            }
            period_seconds    = 5
            timeout_seconds   = 3
            failure_threshold = 2
          }

          volume_mount {
            name       = "config"
            mount_path = "/etc/f1-streams"
            read_only  = true
          }
          dynamic "volume_mount" {
            for_each = local.has_admin_token ? ["secrets"] : []
            content {
              name       = volume_mount.value
              mount_path = local.secrets_dir
              read_only  = true
            }
          }
          volume_mount {
            name       = "data"
            mount_path = "/data"
          }
          volume_mount {
            name       = "cache"
            mount_path = "/cache"
          }
          volume_mount {
            name       = "tmp"
            mount_path = "/tmp"
          }
        }

        volume {
          name = "config"
          config_map {
            name = kubernetes_config_map_v1.config.metadata[0].name
          }
        }
        dynamic "volume" {
          for_each = local.has_admin_token ? ["secrets"] : []
          content {
            name = volume.value
            secret {
              secret_name  = kubernetes_secret_v1.secrets[0].metadata[0].name
              default_mode = "0440"
            }
          }
        }
        volume {
          name = "data"
          persistent_volume_claim {
            claim_name = kubernetes_persistent_volume_claim_v1.data.metadata[0].name
          }
        }
        # On the node's disk, and lost with the pod: made again from the data
        # directory.
        volume {
          name = "cache"
          empty_dir {
            size_limit = var.cache_size
          }
        }
        volume {
          name = "tmp"
          empty_dir {
            size_limit = "64Mi"
          }
        }
      }
    }
  }
}

resource "kubernetes_service_v1" "this" {
  metadata {
    name      = local.name
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }
  spec {
    selector = local.labels
    port {
      name        = "http"
      port        = 80
      target_port = "http"
    }
  }
}

# A second wall behind the guard of the service, should that have a hole: who may
# connect to the pod, and to whom it may. Policies add up, and a node reaches its
# pods either way, so probes need no rule; nor does NFS, which the node mounts. The
# cluster's network must enforce policies, or this is none.
resource "kubernetes_network_policy_v1" "this" {
  metadata {
    name      = local.name
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.labels
  }
  spec {
    pod_selector {
      match_labels = local.labels
    }
    policy_types = ["Ingress", "Egress"]

    # Viewers, by the ingress controller.
    ingress {
      from {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = var.ingress_namespace }
        }
        pod_selector {
          match_labels = var.ingress_pod_labels
        }
      }
      ports {
        protocol = "TCP"
        port     = local.ports.http
      }
    }

    # Whoever reads the metrics.
    dynamic "ingress" {
      for_each = var.metrics_namespace == "" ? [] : [var.metrics_namespace]
      content {
        from {
          namespace_selector {
            match_labels = { "kubernetes.io/metadata.name" = ingress.value }
          }
        }
        ports {
          protocol = "TCP"
          port     = local.ports.metrics
        }
      }
    }

    # Names.
    egress {
      to {
        namespace_selector {
          match_labels = { "kubernetes.io/metadata.name" = "kube-system" }
        }
        pod_selector {
          match_labels = { "k8s-app" = "kube-dns" }
        }
      }
      dynamic "ports" {
        for_each = ["UDP", "TCP"]
        content {
          protocol = ports.value
          port     = 53
        }
      }
    }

    # The internet, and nothing that is not.
    egress {
      to {
        ip_block {
          cidr   = "0.0.0.0/0"
          except = local.denied_ipv4
        }
      }
      to {
        ip_block {
          cidr   = "2000::/3"
          except = local.denied_ipv6
        }
      }
      dynamic "ports" {
        for_each = var.ports
        content {
          protocol = "TCP"
          port     = ports.value
        }
      }
    }

    # Cameras, proxies, name servers and whatever else the operator names, on every
    # port.
    dynamic "egress" {
      for_each = length(local.lan) == 0 ? [] : [local.lan]
      content {
        dynamic "to" {
          for_each = egress.value
          content {
            ip_block {
              cidr = to.value
            }
          }
        }
      }
    }
  }
}

# The metrics stay inside: only the port of the viewers is on the ingress.
resource "kubernetes_ingress_v1" "this" {
  metadata {
    name        = local.name
    namespace   = kubernetes_namespace_v1.this.metadata[0].name
    labels      = local.labels
    annotations = var.ingress_annotations
  }
  spec {
    ingress_class_name = var.ingress_class_name
    tls {
      hosts       = [var.host]
      secret_name = var.tls_secret_name
    }
    rule {
      host = var.host
      http {
        path {
          path      = "/"
          path_type = "Prefix"
          backend {
            service {
              name = kubernetes_service_v1.this.metadata[0].name
              port {
                name = "http"
              }
            }
          }
        }
      }
    }
  }
}
