"""Pages of the documentation that are made from the code: parameters, offers, commands, API, licences, the flow."""
