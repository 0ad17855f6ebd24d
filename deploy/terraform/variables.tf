variable "project" {
  description = "The id of the project."
  type        = string
}

variable "location" {
  description = "Where Firestore keeps the documents: eur3, nam5, or a region. It can never be changed."
  type        = string
}

variable "region" {
  description = "Where the functions run: FUNCTIONS_REGION."
  type        = string
  default     = "us-central1"
}

variable "database" {
  description = "The database. With another one than (default), the functions may use no other."
  type        = string
  default     = "(default)"
}

variable "prefix" {
  description = "\"prefix\" in firebase.json, if the functions have one. Names start with it and a hyphen."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z]([a-z0-9-]{0,28}[a-z0-9])?)?$", var.prefix)) && var.prefix != "greenroom"
    error_message = "The prefix must be up to 30 letters, digits or hyphens, without a hyphen at its end, and not the codebase's name, greenroom."
  }
}

variable "deployer" {
  description = "Who deploys: user:…, serviceAccount:…, group:… or principalSet://…. Nobody gets a role if it is empty."
  type        = string
  default     = ""
}

variable "has_app_engine" {
  description = "Whether the project has the account ID@appspot.gserviceaccount.com, which firebase-tools then asks for."
  type        = bool
  default     = false
}

variable "alert_channels" {
  description = "Whom alerts notify: projects/ID/notificationChannels/NUMBER."
  type        = list(string)
  default     = []
}
