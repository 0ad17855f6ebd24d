# What deploy/provision.sh creates, for those who keep their project in Terraform. A test compares the two.
#
# Two things are not here, because they have their source elsewhere: TTL policies and indexes are in
# firestore.indexes.json, and the limits of the queues are declared with the functions. `firebase deploy` creates both.

data "google_project" "this" {
  project_id = var.project
}

locals {
  apis = [
    "artifactregistry", "cloudbuild", "cloudfunctions", "cloudresourcemanager", "cloudscheduler", "cloudtasks",
    "eventarc", "firebaserules", "firestore", "iam", "identitytoolkit", "logging", "monitoring", "pubsub", "run",
    "secretmanager", "storage",
  ]
  runtime_roles = ["cloudtasks.enqueuer", "eventarc.eventReceiver", "firebaseauth.viewer", "run.invoker"]
  # firebase-tools grants the last two with a deployment's first trigger, if the deployer may. The first builds functions.
  compute_roles = ["cloudbuild.builds.builder", "eventarc.eventReceiver", "run.invoker"]
  deployer_roles = var.deployer == "" ? [] : [
    "artifactregistry.admin", "cloudfunctions.admin", "cloudscheduler.admin", "cloudtasks.admin",
    "datastore.indexAdmin", "firebase.viewer", "firebaserules.admin", "iam.securityReviewer", "run.admin",
    "secretmanager.admin", "serviceusage.serviceUsageConsumer",
  ]
  compute = "${data.google_project.this.number}-compute@developer.gserviceaccount.com"
  pubsub  = "service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  # The accounts that a deployment touches.
  acted_as = var.deployer == "" ? {} : merge(
    {
      runtime = google_service_account.greenroom.name
      compute = "projects/${var.project}/serviceAccounts/${local.compute}"
    },
    var.has_app_engine ? {
      app_engine = "projects/${var.project}/serviceAccounts/${var.project}@appspot.gserviceaccount.com"
    } : {},
  )
}

resource "google_project_service" "api" {
  for_each           = toset(local.apis)
  project            = var.project
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false # the app needs them too
}

resource "google_firestore_database" "greenroom" {
  project                           = var.project
  name                              = var.database
  location_id                       = var.location
  type                              = "FIRESTORE_NATIVE"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = "DELETE_PROTECTION_ENABLED"
  deletion_policy                   = "ABANDON" # `terraform destroy` leaves the documents
  depends_on                        = [google_project_service.api]
}

resource "google_firestore_backup_schedule" "daily" {
  project   = var.project
  database  = google_firestore_database.greenroom.name
  retention = "1209600s" # 14 days

  daily_recurrence {}
}

resource "google_service_account" "greenroom" {
  project      = var.project
  account_id   = "greenroom"
  display_name = "Greenroom"
  depends_on   = [google_project_service.api]
}

resource "google_project_iam_member" "documents" {
  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.greenroom.member

  # With a database of its own Greenroom cannot read that of the app.
  dynamic "condition" {
    for_each = var.database == "(default)" ? [] : [var.database]
    content {
      title      = "greenroom-${condition.value}"
      expression = "resource.name==\"projects/${var.project}/databases/${condition.value}\""
    }
  }
}

resource "google_project_iam_member" "runtime" {
  for_each = toset(local.runtime_roles)
  project  = var.project
  role     = "roles/${each.key}"
  member   = google_service_account.greenroom.member
}

# Tasks call the workers as this account.
resource "google_service_account_iam_member" "itself" {
  service_account_id = google_service_account.greenroom.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.greenroom.member
}

resource "google_project_iam_member" "compute" {
  for_each   = toset(local.compute_roles)
  project    = var.project
  role       = "roles/${each.key}"
  member     = "serviceAccount:${local.compute}"
  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "pubsub" {
  project    = var.project
  role       = "roles/iam.serviceAccountTokenCreator"
  member     = "serviceAccount:${local.pubsub}"
  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "deployer" {
  for_each = toset(local.deployer_roles)
  project  = var.project
  role     = "roles/${each.key}"
  member   = var.deployer
}

resource "google_service_account_iam_member" "deployer" {
  for_each           = local.acted_as
  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = var.deployer
  depends_on         = [google_project_service.api]
}
