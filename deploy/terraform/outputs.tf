output "env" {
  description = "Lines for .env.<project id>."
  value       = <<-END
    SERVICE_ACCOUNT=${google_service_account.greenroom.email}
    FUNCTIONS_REGION=${var.region}
    FUNCTIONS_PREFIX=${local.values.prefix}
    FIRESTORE_DATABASE=${var.database}
  END
}
