# The files are those that deploy/provision.sh sends to the REST API.

locals {
  monitoring = "${path.module}/../monitoring"
  # Terraform compares the policies themselves, so their label has nothing to say; channels are an argument below.
  values = {
    prefix   = var.prefix == "" ? "" : "${var.prefix}-"
    version  = "terraform"
    channels = ""
  }
  metrics = {
    for file in fileset("${local.monitoring}/metrics", "*.json") :
    trimsuffix(file, ".json") => jsondecode(templatefile("${local.monitoring}/metrics/${file}", local.values))
  }
  policies = {
    for file in fileset("${local.monitoring}/policies", "*.json") :
    trimsuffix(file, ".json") => jsondecode(templatefile("${local.monitoring}/policies/${file}", local.values))
  }
}

resource "google_logging_metric" "metric" {
  for_each         = local.metrics
  project          = var.project
  name             = each.value.name
  description      = each.value.description
  filter           = each.value.filter
  label_extractors = try(each.value.labelExtractors, null)

  metric_descriptor {
    metric_kind = each.value.metricDescriptor.metricKind
    value_type  = each.value.metricDescriptor.valueType
    unit        = each.value.metricDescriptor.unit

    dynamic "labels" {
      for_each = try(each.value.metricDescriptor.labels, [])
      content {
        key         = labels.value.key
        value_type  = labels.value.valueType
        description = labels.value.description
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "policy" {
  for_each              = local.policies
  project               = var.project
  display_name          = each.value.displayName
  user_labels           = each.value.userLabels
  severity              = each.value.severity
  combiner              = each.value.combiner
  notification_channels = var.alert_channels

  documentation {
    mime_type = each.value.documentation.mimeType
    content   = each.value.documentation.content
  }

  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.value.displayName

      dynamic "condition_matched_log" {
        for_each = [for name, one in conditions.value : one if name == "conditionMatchedLog"]
        content {
          filter           = condition_matched_log.value.filter
          label_extractors = try(condition_matched_log.value.labelExtractors, null)
        }
      }

      dynamic "condition_absent" {
        for_each = [for name, one in conditions.value : one if name == "conditionAbsent"]
        content {
          filter   = condition_absent.value.filter
          duration = condition_absent.value.duration

          dynamic "aggregations" {
            for_each = condition_absent.value.aggregations
            content {
              alignment_period     = aggregations.value.alignmentPeriod
              per_series_aligner   = aggregations.value.perSeriesAligner
              cross_series_reducer = aggregations.value.crossSeriesReducer
            }
          }
        }
      }

      dynamic "condition_threshold" {
        for_each = [for name, one in conditions.value : one if name == "conditionThreshold"]
        content {
          filter          = condition_threshold.value.filter
          duration        = condition_threshold.value.duration
          comparison      = condition_threshold.value.comparison
          threshold_value = condition_threshold.value.thresholdValue

          dynamic "aggregations" {
            for_each = condition_threshold.value.aggregations
            content {
              alignment_period     = aggregations.value.alignmentPeriod
              per_series_aligner   = aggregations.value.perSeriesAligner
              cross_series_reducer = aggregations.value.crossSeriesReducer
            }
          }
        }
      }
    }
  }

  alert_strategy {
    auto_close = each.value.alertStrategy.autoClose

    dynamic "notification_rate_limit" {
      for_each = [for name, one in each.value.alertStrategy : one if name == "notificationRateLimit"]
      content {
        period = notification_rate_limit.value.period
      }
    }
  }

  # A policy cannot be created before the metric that it looks at.
  depends_on = [google_logging_metric.metric]
}

resource "google_monitoring_dashboard" "overview" {
  project        = var.project
  dashboard_json = templatefile("${local.monitoring}/dashboard.json", local.values)
  depends_on     = [google_logging_metric.metric]
}
