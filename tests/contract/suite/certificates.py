"""An authority of one's own and a certificate for localhost, made by openssl."""
import os
import shutil
import ssl
import subprocess


class Certificates:
    """Files below a directory. available is False where there is no openssl."""

    def __init__(self, directory):
        self.ca = os.path.join(directory, "ca.pem")
        self.certificate = os.path.join(directory, "localhost.pem")
        self.key = os.path.join(directory, "localhost.key")
        self.directory = directory
        self.available = shutil.which("openssl") is not None

    def make(self):
        ca_key = os.path.join(self.directory, "ca.key")
        extensions = os.path.join(self.directory, "extensions")
        request = os.path.join(self.directory, "request.pem")
        with open(extensions, "w", encoding="utf-8") as file:
            file.write("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl(
            ["req", "-x509", *curve, "-days", "2", "-subj", "/CN=contract tests"],
            ["-keyout", ca_key, "-out", self.ca],
        )
        openssl(
            ["req", *curve, "-subj", "/CN=localhost"], ["-keyout", self.key, "-out", request]
        )
        openssl(
            ["x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-days", "2"],
            ["-CAcreateserial", "-extfile", extensions, "-out", self.certificate],
        )

    def server_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def openssl(*parts):
    command = ["openssl"] + [word for part in parts for word in part]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def in_directory(directory):
    """Made, or None where they cannot be."""
    made = Certificates(directory)
    if not made.available:
        return None
    made.make()
    return made
