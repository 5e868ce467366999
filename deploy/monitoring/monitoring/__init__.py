"""Watches the suite with Nagios: plugins, the configuration made from the list of services, mails, the start."""
