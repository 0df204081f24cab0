// SPDX-License-Identifier: MIT
// Who is not trusted any more after a reload, and was in the middle of a handshake then.
#include "tls/both_sides.hpp"
#include "tls/in_memory.hpp"

namespace aperto::tls {
namespace {

void replace(const std::string& file, const std::string& by) {
    std::filesystem::copy_file(by, file, std::filesystem::copy_options::overwrite_existing);
}

class reloaded : public testing::TestWithParam<version> {
protected:
    /// An authority that the test may put another in the place of.
    std::string trusted() const {
        const std::string file = files.folder() + "/trusted.pem";
        replace(file, files->authority);
        return file;
    }
    client_options shown(const std::string& ca) const {
        return {.ca = ca,
                .certificate = files->certificate,
                .key = files->key,
                .name = "localhost",
                .newest = GetParam()};
    }
    own_files files;
    own_files others;
};

INSTANTIATE_TEST_SUITE_P(each, reloaded, testing::Values(version::tls_1_2, version::tls_1_3),
                         [](const auto& each) {
                             return each.param == version::tls_1_2 ? std::string("tls_1_2")
                                                                   : std::string("tls_1_3");
                         });

/// `steps`: of the handshake, before the reload.
void expect_client_kept_out(const client_options& shown, const std::string& client_ca, const own_files& files,
                            const own_files& others, int steps) {
    const auto server =
        tls::server({.certificate = files->certificate, .key = files->key, .client_ca = client_ca});
    const auto client = tls::client(shown);
    in_memory before(*client, *server);
    for (int i = 0; i < steps; ++i)
        i % 2 == 0 ? before.server_hears() : before.client_hears();
    replace(client_ca, others->authority);
    server->reload();
    ASSERT_TRUE(before.shake_hands()) << "it began with the files of before";
    in_memory after(*client, *server);
    EXPECT_FALSE(after.shake_hands());
    EXPECT_EQ(after.server_failed, errc::unknown_authority) << after.server_failed.message();
    EXPECT_EQ(server->counters().resumed, 0U);
}

TEST_P(reloaded, a_client_of_before_is_asked_for_its_certificate_again) {
    for (const int steps : {1, 2, 3, 8})
        expect_client_kept_out(shown(files->authority), trusted(), files, others, steps);
}

TEST_P(reloaded, a_server_of_before_is_asked_for_its_certificate_again) {
    const auto server = tls::server({.certificate = files->certificate, .key = files->key});
    for (const int steps : {0, 1, 8}) {
        const std::string ca = trusted();
        const auto client = tls::client(shown(ca));
        in_memory before(*client, *server);
        for (int i = 0; i < steps; ++i)
            i % 2 == 0 ? before.server_hears() : before.client_hears();
        replace(ca, others->authority);
        client->reload();
        ASSERT_TRUE(before.shake_hands()) << "it began with the files of before";
        in_memory after(*client, *server);
        EXPECT_FALSE(after.shake_hands());
        EXPECT_EQ(after.client_failed, errc::unknown_authority) << after.client_failed.message();
    }
}

TEST_P(reloaded, sessions_are_resumed_where_nobody_shows_a_certificate) {
    const auto server = tls::server({.certificate = files->certificate, .key = files->key});
    const auto client = tls::client({.ca = files->authority, .name = "localhost", .newest = GetParam()});
    in_memory before(*client, *server);
    ASSERT_TRUE(before.shake_hands());
    server->reload();
    in_memory after(*client, *server);
    ASSERT_TRUE(after.shake_hands());
    EXPECT_EQ(server->counters().resumed, 1U);
}

}  // namespace
}  // namespace aperto::tls
