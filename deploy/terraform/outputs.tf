output "env" {
  description = "Lines for .env.<project id>."
  value       = <<-END
    SERVICE_ACCOUNT=${google_service_account.greenroom.email}
    FUNCTIONS_REGION=${var.region}
  END
}
