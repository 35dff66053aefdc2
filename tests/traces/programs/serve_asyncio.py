"""Serves lines to many clients at once, over sockets, with a queue of jobs behind."""

import asyncio
import socket

CLIENTS = 6
REQUESTS = 5


async def work(jobs):
    while True:
        line, reply = await jobs.get()
        await asyncio.sleep(0)
        reply.set_result(b" ".join(reversed(line.split())) + b"\n")


async def serve(reader, writer, jobs):
    async for line in reader:
        reply = asyncio.get_running_loop().create_future()
        await jobs.put((line, reply))
        writer.write(await asyncio.wait_for(reply, 60))
        await writer.drain()
    writer.close()


async def ask(number, reader, writer):
    answers = []
    for request in range(REQUESTS):
        writer.write(f"client {number} asks {'again ' * request}\n".encode())
        await writer.drain()
        answers.append(await reader.readline())
    writer.close()
    return answers


async def main():
    jobs = asyncio.Queue(maxsize=8)
    workers = [asyncio.create_task(work(jobs)) for _ in range(4)]
    clients, servers = [], []
    for number in range(CLIENTS):
        near, far = socket.socketpair()
        servers.append(asyncio.create_task(serve(*await asyncio.open_connection(sock=far), jobs)))
        clients.append(ask(number, *await asyncio.open_connection(sock=near)))
    answers = await asyncio.gather(*clients)
    await asyncio.gather(*servers)
    for worker in workers:
        worker.cancel()
    print(sum(len(line) for lines in answers for line in lines))


asyncio.run(main())
