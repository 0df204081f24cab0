// SPDX-License-Identifier: MIT
// Gives one file to whoever asks, over TLS, as a web server would:
//
//     aperto cert
//     tls_file 8443 cert.pem key.pem book.pdf      and then     curl --cacert ca.pem https://localhost:8443/
#include <aperto/aperto.hpp>
#include <aperto/tls.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>

namespace {

struct served_file {
    int descriptor = -1;
    std::uint64_t size = 0;
};

aperto::task<> answer(aperto::stream peer, served_file file) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
                             std::to_string(file.size) + "\r\n\r\n";
    while (const auto line = co_await peer.read_line()) {
        if (!line->empty()) continue;  // the request ends with an empty line
        co_await peer.write(head);
        aperto::task<> sending = peer.send_file(file.descriptor, 0, file.size);
        co_await sending;
    }
}

}  // namespace

int main(int count, char** words) {
    if (count != 5) {
        std::fputs("usage: tls_file PORT CERTIFICATE KEY FILE\n", stderr);
        return 2;
    }
    served_file file{::open(words[4], O_RDONLY | O_CLOEXEC)};
    struct stat about{};
    if (::fstat(file.descriptor, &about) != 0) {
        std::perror(words[4]);
        return 1;
    }
    file.size = static_cast<std::uint64_t>(about.st_size);
    try {
        aperto::options options;
        options.port = static_cast<std::uint16_t>(std::strtoul(words[1], nullptr, 10));
        options.workers = 1;
        options.transport = aperto::tls::server({.certificate = words[2], .key = words[3]});
        return aperto::serve(options, [file](aperto::stream peer) { return answer(std::move(peer), file); });
    } catch (const aperto::error& wrong) {
        std::fprintf(stderr, "%s. %s\n", wrong.what(), wrong.advice().c_str());
        return 1;
    }
}
