"""`.await` at the top level, and a tokio runtime that outlives cells."""

import pytest

NOTEBOOKS = {
    "await": """
        async fn add(a: i32, b: i32) -> i32 { a + b }
        ---
        let sum = add(1, 2).await;
        ---
        sum + add(10, 20).await
        //=> 33
        """,
    "a_spawned_task_survives": """
        let (tx, mut rx) = tokio::sync::mpsc::channel::<u32>(8);
        let (go, mut gate) = tokio::sync::mpsc::channel::<()>(1);
        let task = tokio::spawn(async move { let mut n = 0; while gate.recv().await.is_some() { n += 1; tx.send(n).await.unwrap(); } "done" });
        ---
        go.send(()).await?;
        rx.recv().await
        //=> Some(1)
        ---
        go.send(()).await?;
        rx.recv().await
        //=> Some(2)
        ---
        drop(go);
        task.await?
        //=> "done"
        """,
    "spawn_without_await_in_the_cell": """
        let h = tokio::spawn(async { 5 });
        ---
        h.await?
        //=> 5
        """,
    "join_select_and_timers": """
        use std::time::Duration;
        let (a, b) = tokio::join!(async { 1 }, async { tokio::time::sleep(Duration::from_millis(1)).await; 2 });
        let first = tokio::select! { _ = tokio::time::sleep(Duration::from_secs(3600)) => "slow", x = async { "fast" } => x };
        (a, b, first)
        //=> (1, 2, "fast")
        ---
        tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await.is_err()
        //=> true
        """,
    "borrowing_variables_over_an_await": """
        let mut log = Vec::<usize>::new();
        let text = String::from("x");
        ---
        let t = &text;
        tokio::task::yield_now().await;
        log.push(t.len());
        //~ `t`
        ---
        log
        //=> [1]
        """,
    "async_closures_blocks_and_streams_of_joins": """
        let work = async |n: u32| { tokio::task::yield_now().await; n * n };
        let mut all = tokio::task::JoinSet::new();
        for i in 0..3u32 { all.spawn(async move { i * i }); }
        let mut squares = all.join_all().await;
        squares.sort();
        (work(5).await, squares)
        //=> (25, [0, 1, 4])
        //~ `work` is not kept for later cells
        """,
    "rc_over_an_await": """
        let r = std::rc::Rc::new(5);
        tokio::task::yield_now().await;
        ---
        async { *r }.await
        //=> 5
        """,
    "spawn_blocking_and_a_mutex": """
        use std::sync::Arc;
        let m = Arc::new(tokio::sync::Mutex::new(0));
        let hs: Vec<_> = (0..4).map(|_| { let m = m.clone(); tokio::spawn(async move { *m.lock().await += 1; }) }).collect();
        for h in hs { h.await?; }
        let n = tokio::task::spawn_blocking(|| 7).await?;
        (n, *m.lock().await)
        //=> (7, 4)
        """,
    "question_mark_and_await": """
        async fn fetch(ok: bool) -> Result<u8, String> { if ok { Ok(1) } else { Err("offline".into()) } }
        fetch(true).await?
        //=> 1
        ---
        fetch(false).await?
        //! offline
        """,
    "await_in_functions_only_where_async": """
        fn sync() -> u8 { async { 1 }.await }
        //! E0728
        //! In[1]:1
        """,
    "a_future_kept_for_later": """
        let later = Box::pin(async { 3 });
        //~ `later`
        ---
        let boxed: std::pin::Pin<Box<dyn Future<Output = u8> + Send>> = Box::pin(async { 4 });
        ---
        boxed.await
        //=> 4
        """,
    "an_own_runtime_in_a_thread": """
        std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(async { 5 })).join().unwrap()
        //=> 5
        """,
    "a_net_connection": """
        use tokio::{io::{AsyncReadExt, AsyncWriteExt}, net::{TcpListener, TcpStream}};
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move { let (mut s, _) = listener.accept().await.unwrap(); s.write_all(b"hi").await.unwrap(); });
        ---
        let mut s = TcpStream::connect(address).await?;
        let mut text = String::new();
        s.read_to_string(&mut text).await?;
        server.await?;
        text
        //=> "hi"
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])


def test_a_task_that_panics(fresh):
    cell = fresh.run("let h = tokio::spawn(async { if true { panic!(\"in a task\") } });\nh.await.is_err()")
    assert cell.result == "true", str(cell)
    assert "In[1]:1:40" in cell.stderr and "in a task" in cell.stderr, str(cell)
