// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/tls.hpp"

#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace aperto::tls {

/// Two sessions in one place, without a network: what one says waits until the test lets the other hear it.
class in_memory {
public:
    in_memory(const context& of_client, const context& of_server)
        : client(of_client.open("localhost")), server(of_server.open("")) {
        client_failed = client->begin(to_server);
    }
    void server_hears() { hear(*server, to_server, at_server, to_client, server_failed); }
    void client_hears() { hear(*client, to_client, at_client, to_server, client_failed); }
    /// Until the handshake is over, or has failed.
    bool shake_hands() {
        for (int i = 0; i < 4; ++i)
            server_hears(), client_hears();
        return client->is_open() && server->is_open() && !client_failed && !server_failed;
    }

    std::unique_ptr<transport_session> client;
    std::unique_ptr<transport_session> server;
    std::string to_server;
    std::string to_client;
    std::string at_server;  ///< what the server has read
    std::string at_client;
    std::error_code client_failed;
    std::error_code server_failed;

private:
    static void hear(transport_session& who, std::string& what, std::string& plain, std::string& answer,
                     std::error_code& failed) {
        const std::string arrived = std::exchange(what, {});
        if (failed || arrived.empty()) return;
        failed = who.unseal(arrived, plain, answer);
    }
};

}  // namespace aperto::tls
