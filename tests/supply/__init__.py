"""What the bridge is made of: known vulnerabilities, licences, and the list of it all."""
