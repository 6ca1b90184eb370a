# The home-lab repository's root configuration brings the state backend and the
# kubernetes provider; this directory is copied, or linked, below it. Without
# Terragrunt: `terraform init && terraform apply`, with KUBE_CONFIG_PATH set.
include "root" {
  path = find_in_parent_folders("root.hcl")
}

# What differs from one cluster to the next. variables.tf has the rest.
inputs = {
  image           = "registry.example.org/f1-streams:0.1.0"
  host            = "f1.example.org"
  tls_secret_name = "f1-example-org-tls"
  nfs_server      = "nas.example.org"
  nfs_path        = "/export/f1-streams"
  trusted_proxies = ["10.42.0.0/16"] # the ingress controller's pods
}
