#!/usr/bin/python3
# Servidor TCP da aula: devolve em maiúsculas o texto que recebe.

import socket                          # importa o módulo de sockets

s = socket.socket()                    # cria um socket TCP (IPv4)
host = socket.gethostname()            # nome da máquina local
port = 12345                           # reserva uma porta para o serviço
s.bind((host, port))                   # associa o socket à porta

s.listen(5)                            # espera conexões de clientes
while True:
    c, addr = s.accept()               # estabelece a conexão com um cliente
    print('Conexão recebida de', addr)
    texto = c.recv(1024).decode()      # recebe o texto
    print('Recebido:', texto)
    c.send(texto.upper().encode())     # responde em maiúsculas
    c.close()                          # fecha a conexão e volta a esperar
