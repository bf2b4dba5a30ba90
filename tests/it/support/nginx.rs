//! nginx with `WebDAV` over TLS, and locations that refuse in one way each.

use std::path::PathBuf;
use std::process::Command;

use super::{free_port, wait_for};

pub struct Nginx {
    pub folder: tempfile::TempDir,
    pub port: u16,
    pub ca: PathBuf,
}

impl Nginx {
    pub fn start() -> Self {
        let mail = PathBuf::from(std::env::var("LEGWORK_TEST_MAIL").expect("run the tests by tests/run"));
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let path = folder.path().display();
        for name in ["files", "temp"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {path}/temp/{kind};\n"))
            .concat();
        let answers = [
            ("401", "return 401;"),
            ("429", "add_header Retry-After 120 always; return 429;"),
            ("500", "return 500;"),
            ("redirect", "return 307 https://localhost:1/elsewhere?token=x;"),
            ("cut", "return 444;"),
        ];
        let answers: String =
            answers.map(|(name, answer)| format!("    location /{name}/ {{ {answer} }}\n")).concat();
        let conf = format!(
            "load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;\npid {path}/pid;\nerror_log {path}/error.log;\n\
             daemon on;\nworker_processes 1;\nevents {{ }}\nhttp {{\n{temp}  access_log {path}/access.log;\n\
             client_max_body_size 1g;\n  server {{\n    listen 127.0.0.1:{port} ssl;\n\
             ssl_certificate {mail}/server.pem;\n    ssl_certificate_key {mail}/server.key;\n\
             location / {{\n      root {path}/files;\n      dav_methods PUT DELETE MKCOL COPY MOVE;\n\
             create_full_put_path on;\n    }}\n{answers}  }}\n}}\n",
            mail = mail.display()
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, conf).unwrap();
        let started = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .output();
        let started = started.unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        wait_for("nginx", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())
        });
        Self { folder, port, ca: mail.join("ca.pem") }
    }

    /// Endpoints of this server for a config, one for each way of answering.
    pub fn endpoints(&self) -> String {
        let ca = self.ca.display();
        ["files", "401", "429", "500", "redirect", "cut"]
            .map(|name| {
                let below = if name == "files" { String::new() } else { format!("/{name}") };
                format!(
                    "[http.{name}]\nurl = \"https://localhost:{}{below}\"\nca_file = \"{ca}\"\n",
                    self.port
                )
            })
            .concat()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Ok(pid) = std::fs::read_to_string(self.folder.path().join("pid")) {
            drop(Command::new("kill").arg(pid.trim()).status());
        }
    }
}
