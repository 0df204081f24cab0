// SPDX-License-Identifier: MIT
#include "core/i18n.hpp"
#include "lab/packets.hpp"
#include "lab/view/narrator.hpp"
#include "lab/view/summary.hpp"

#include <gtest/gtest.h>

#include <functional>

/// Every sentence that teaches stands here beside what has to have happened for it to be true.
namespace aperto::lab {

using namespace std::chrono_literals;
using testing::story;
using testing::tcp_text;

namespace {

using bytes = std::vector<std::uint8_t>;

constexpr std::uint16_t syn_ack = tcp_flag::syn | tcp_flag::ack;
constexpr std::uint16_t fin_ack = tcp_flag::fin | tcp_flag::ack;
const bytes mss_1460{2, 4, 0x05, 0xb4};
/// MSS 1460, SACK permitted, window scale 7.
const bytes linux_options{2, 4, 0x05, 0xb4, 4, 2, 1, 3, 3, 7};

bytes sack(std::uint32_t left, std::uint32_t right) {
    bytes out{1, 1, 5, 10};
    for (const std::uint32_t edge : {left, right}) {
        for (const unsigned shift : {24U, 16U, 8U, 0U}) {
            out.push_back(static_cast<std::uint8_t>(edge >> shift));
        }
    }
    return out;
}

/// What is told of the last packet.
class telling {
public:
    event send(side from, const tcp_text& text) { return told(told_of_.send(from, text)); }
    event pass(side from, const tcp_text& text) { return told(told_of_.pass(from, text)); }
    event told(const event& one) {
        words_ = narrator_.about(one);
        return one;
    }
    void wait(duration time) { told_of_.wait(time); }
    void handshake(const bytes& options = mss_1460) {
        pass(side::client, {.flags = tcp_flag::syn, .sequence = 1000, .window = 64'240, .options = options});
        pass(side::server, {.flags = syn_ack,
                            .sequence = 5000,
                            .acknowledgement = 1001,
                            .window = 64'240,
                            .options = options});
        pass(side::client, {.sequence = 1001, .acknowledgement = 5001});
    }
    void data(std::uint32_t sequence, std::string_view payload) {
        pass(side::client, {.sequence = sequence, .acknowledgement = 5001, .payload = payload});
    }
    void lost_data(std::uint32_t sequence, std::string_view payload) {
        send(side::client, {.sequence = sequence, .acknowledgement = 5001, .payload = payload});
    }
    void ack(std::uint32_t acknowledgement, std::uint16_t window = 1000, const bytes& options = {}) {
        pass(side::server,
             {.sequence = 5001, .acknowledgement = acknowledgement, .window = window, .options = options});
    }

    const std::string& words() const { return words_; }

private:
    story told_of_;
    std::vector<named_fault> named_;
    narrator narrator_{named_};
    std::string words_;
};

struct lesson {
    const char* when;
    std::function<void(telling&)> happens;
    const char* english;
    const char* portuguese;
};

const std::vector<lesson>& lessons() {
    static const std::vector<lesson> all{
        {"a SYN announces what a segment may carry, and a window that is never scaled",
         [](telling& on) {
             on.send(side::client,
                     {.flags = tcp_flag::syn, .sequence = 1000, .window = 64'240, .options = linux_options});
         },
         "SYN: the client asks to connect; it takes segments of up to 1,460 bytes (MSS), 64,240 bytes for "
         "now "
         "(window) · SACK permitted · window scale 7",
         "SYN: o cliente pede para conectar; recebe segmentos de até 1.460 bytes (MSS), por ora 64.240 bytes "
         "(janela) · SACK permitido · escala de janela 7"},
        {"a SYN without an MSS: RFC 9293 3.7.1 says what holds",
         [](telling& on) { on.send(side::client, {.flags = tcp_flag::syn, .sequence = 1000}); },
         "segments of up to 536 bytes (MSS)", "segmentos de até 536 bytes (MSS)"},
        {"the same over IPv6",
         [](telling& on) { on.send(side::client, {.flags = tcp_flag::syn, .sequence = 1000, .v6 = true}); },
         "segments of up to 1,220 bytes (MSS)", "segmentos de até 1.220 bytes (MSS)"},
        {"the scale counts from the SYN/ACK on, once both have sent one",
         [](telling& on) {
             on.send(side::client, {.flags = tcp_flag::syn, .sequence = 1000, .options = linux_options});
             on.send(side::server,
                     {.flags = syn_ack, .sequence = 5000, .acknowledgement = 1001, .options = linux_options});
         },
         "window scale 7: its windows count in units of 128 bytes from here on",
         "escala de janela 7: daqui em diante as suas janelas contam em unidades de 128 bytes"},
        {"nothing was lost in the handshake: it measures a round trip, until the SYN/ACK is back",
         [](telling& on) { on.handshake(); }, "ACK: connected; the round trip took 1.00 ms",
         "ACK: conectado; a ida e volta levou 1,00 ms"},
        {"the SYN/ACK was lost: the SYN comes again, and measures none (RFC 6298 3)",
         [](telling& on) {
             on.pass(side::client, {.flags = tcp_flag::syn, .sequence = 1000});
             on.send(side::server, {.flags = syn_ack, .sequence = 5000, .acknowledgement = 1001});
             on.wait(1s);
             on.handshake({});
         },
         "ACK: connected 1.00 s after the first SYN; what was sent again gives no round trip (Karn's "
         "algorithm)",
         "ACK: conectado 1,00 s depois do primeiro SYN; o que foi reenviado não mede ida e volta (algoritmo "
         "de Karn)"},
        {"a RST answers the SYN: there was no connection to be broken off (RFC 9293 3.10.7.1)",
         [](telling& on) {
             on.pass(side::client, {.flags = tcp_flag::syn, .sequence = 1000});
             on.pass(side::server, {.flags = tcp_flag::rst | tcp_flag::ack, .acknowledgement = 1001});
         },
         "RST: the server refuses the connection", "RST: o servidor recusa a conexão"},
        {"a RST in the midst of a connection",
         [](telling& on) {
             on.handshake();
             on.pass(side::client, {.flags = tcp_flag::rst, .sequence = 1001});
         },
         "RST: the client breaks the connection off", "RST: o cliente derruba a conexão"},
        {"an ACK after a keepalive is its answer, whatever window it has beside the SYN's, and opens none",
         [](telling& on) {
             on.handshake(linux_options);
             on.wait(1s);
             on.pass(side::client, {.sequence = 1000, .acknowledgement = 5001});
             on.pass(side::server, {.sequence = 5001, .acknowledgement = 1001, .window = 502});
         },
         "ACK: it answers the keepalive, the server is still there",
         "ACK: responde ao keepalive, o servidor ainda está lá"},
        {"one byte",
         [](telling& on) {
             on.handshake();
             on.data(1001, "a");
         },
         "data: 1 byte of the client's stream, whose first byte has the number 1 · \"a\"",
         "dados: 1 byte do fluxo do cliente, cujo primeiro byte tem o número 1 · \"a\""},
        {"several bytes",
         [](telling& on) {
             on.handshake();
             on.data(1001, "olá");
         },
         "data: 4 bytes of the client's stream, whose first byte has the number 1 · \"olá\"",
         "dados: 4 bytes do fluxo do cliente, cujo primeiro byte tem o número 1 · \"olá\""},
        {"an ACK tells the next byte awaited",
         [](telling& on) {
             on.handshake();
             on.data(1001, "abc");
             on.ack(1004);
         },
         "ACK: everything before byte 4 has arrived", "ACK: tudo antes do byte 4 chegou"},
        {"a FIN takes a number, but is no byte (RFC 9293 3.4)",
         [](telling& on) {
             on.handshake();
             on.pass(side::client,
                     {.flags = fin_ack, .sequence = 1001, .acknowledgement = 5001, .payload = "abc"});
             on.ack(1005);
         },
         "ACK: everything has arrived, and the FIN, which takes a number like a byte",
         "ACK: tudo chegou, e o FIN, que ocupa um número como um byte"},
        {"only the FIN arrived: SACK covers it alone",
         [](telling& on) {
             on.handshake();
             on.lost_data(1001, "abc");
             on.pass(side::client, {.flags = fin_ack, .sequence = 1004, .acknowledgement = 5001});
             on.ack(1001, 1000, sack(1004, 1005));
         },
         "duplicate ACK: something arrived, but byte 1 is still missing · SACK: already here: the FIN",
         "ACK duplicado: algo chegou, mas ainda falta o byte 1 · SACK: já chegaram aqui: o FIN"},
        {"bytes and the FIN behind them",
         [](telling& on) {
             on.handshake();
             on.lost_data(1001, "abc");
             on.pass(side::client,
                     {.flags = fin_ack, .sequence = 1004, .acknowledgement = 5001, .payload = "de"});
             on.ack(1001, 1000, sack(1004, 1007));
         },
         "SACK: already here: bytes 4–5 and the FIN", "SACK: já chegaram aqui: os bytes 4–5 e o FIN"},
        {"a single byte",
         [](telling& on) {
             on.handshake();
             on.lost_data(1001, "abc");
             on.data(1004, "d");
             on.ack(1001, 1000, sack(1004, 1005));
         },
         "SACK: already here: byte 4", "SACK: já chegaram aqui: o byte 4"},
        {"what came twice",
         [](telling& on) {
             on.handshake();
             on.data(1001, "abc");
             on.ack(1004, 1000, sack(1001, 1004));
         },
         "D-SACK: came a second time, delivered once: bytes 1–3",
         "D-SACK: vieram uma segunda vez e são entregues uma só: os bytes 1–3"},
        {"the last byte of the window is sent",
         [](telling& on) {
             on.handshake();
             on.data(1001, "abc");
             on.ack(1004, 2);
             on.data(1004, "de");
         },
         "fills the window: the sender must now wait for an ACK",
         "enche a janela: quem envia deve agora esperar um ACK"},
        {"no room is left",
         [](telling& on) {
             on.handshake();
             on.data(1001, "abc");
             on.ack(1004, 0);
         },
         "ZERO WINDOW: the server can take no more until its program has read; the sender must wait",
         "JANELA ZERO: o servidor não pode receber mais até que o seu programa leia; quem envia deve "
         "esperar"},
        {"room for one byte again",
         [](telling& on) {
             on.handshake();
             on.data(1001, "abc");
             on.ack(1004, 0);
             on.ack(1004, 1);
         },
         "window update: there is room for 1 byte", "atualização da janela: há espaço para 1 byte"},
        {"more room than before, where there always was some",
         [](telling& on) {
             on.handshake();
             on.data(1001, "abc");
             on.ack(1004, 100);
             on.ack(1004, 200);
         },
         "window update: there is room for 200 bytes", "atualização da janela: há espaço para 200 bytes"},
    };
    return all;
}

std::string told(const lesson& one, const char* language) {
    EXPECT_TRUE(i18n::init(language));
    telling on;
    one.happens(on);
    return on.words();
}

/// The summary's rows of a run with this one connection.
std::string summed_up(const flow& one, const char* language) {
    EXPECT_TRUE(i18n::init(language));
    run_report report;
    report.packets = 1;
    report.flows.push_back(one);
    return summary_text(report);
}

}  // namespace

TEST(sentences, say_what_happened_in_both_languages) {
    for (const auto& one : lessons()) {
        EXPECT_NE(told(one, "en").find(one.english), std::string::npos) << one.when << "\n"
                                                                        << told(one, "en");
        EXPECT_NE(told(one, "pt_BR").find(one.portuguese), std::string::npos) << one.when << "\n"
                                                                              << told(one, "pt_BR");
    }
}

TEST(sentences, a_summary_counts_in_the_right_number) {
    flow one;
    one.half(side::client).arrived_out_of_order = 1;
    one.half(side::server).zero_window_episodes = 1;
    one.half(side::server).time_closed = 2s;
    const auto english = summed_up(one, "en");
    for (const char* part : {"1 segment from the client arrived out of order and was put in order",
                             "the server's window went to zero 1 time, for 2.00 s", "1 packet ·"}) {
        EXPECT_NE(english.find(part), std::string::npos) << english;
    }
    one.half(side::client).arrived_out_of_order = 1200;
    one.half(side::server).zero_window_episodes = 2;
    const auto portuguese = summed_up(one, "pt_BR");
    for (const char* part : {"1.200 segmentos do cliente chegaram fora de ordem e foram postos em ordem",
                             "a janela do servidor foi a zero 2 vezes, por 2,00 s ao todo", "1 pacote ·"}) {
        EXPECT_NE(portuguese.find(part), std::string::npos) << portuguese;
    }
}

TEST(sentences, a_full_window_is_not_a_closed_one) {
    EXPECT_NE(summed_up({}, "en").find("no window went to zero"), std::string::npos);
    EXPECT_NE(summed_up({}, "pt_BR").find("nenhuma janela foi a zero"), std::string::npos);
}

TEST(sentences, a_repeated_handshake_is_not_summed_up_as_a_round_trip) {
    flow one;
    one.syn_sent = instant{};
    one.syn_ack_arrived = one.established = 3s;
    EXPECT_NE(summed_up(one, "en").find("· round trip 3.00 s"), std::string::npos);
    one.handshake_repeated = true;
    EXPECT_NE(summed_up(one, "en").find("· 3.00 s from the first SYN to its answer"), std::string::npos);
    EXPECT_NE(summed_up(one, "pt_BR").find("· 3,00 s do primeiro SYN até a resposta"), std::string::npos);
}

}  // namespace aperto::lab
