#!/usr/bin/python3
# Cliente TCP da aula: envia um texto e mostra a resposta do servidor.

import socket                          # importa o módulo de sockets

s = socket.socket()                    # cria um socket TCP (IPv4)
host = socket.gethostname()            # nome da máquina local
port = 12345                           # porta do serviço

s.connect((host, port))                # conecta ao servidor
s.send('texto original: olá, mundo'.encode())
print(s.recv(1024).decode())           # mostra a resposta
s.close()                              # fecha a conexão
